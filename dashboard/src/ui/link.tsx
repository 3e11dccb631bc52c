/** Links of the router in Mantine's clothes; their targets are checked by the compiler. */
import { Anchor, type AnchorProps, Button, type ButtonProps } from '@mantine/core';
import { createLink } from '@tanstack/react-router';
import type { ComponentPropsWithRef } from 'react';

type PlainAnchor = AnchorProps & Omit<ComponentPropsWithRef<'a'>, keyof AnchorProps>;
type PlainButton = ButtonProps & Omit<ComponentPropsWithRef<'a'>, keyof ButtonProps>;

export const TextLink = createLink((props: PlainAnchor) => <Anchor {...props} />);
export const ButtonLink = createLink((props: PlainButton) => <Button component="a" {...props} />);
