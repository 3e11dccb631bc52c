/** One number of the overview: large, named, and a link to the list it counts. */
import { createLink } from '@tanstack/react-router';
import type { ComponentPropsWithRef } from 'react';
import classes from './figure.module.css';
import type { Tone } from './palette';
import { ToneIcon } from './tone';

interface FigureProps extends ComponentPropsWithRef<'a'> {
  readonly label: string;
  readonly value: string;
  readonly note?: string | undefined;
  /** Set when the number itself is good or bad news. */
  readonly tone?: Tone | undefined;
}

/** The whole tile is the link; its name is "label value note". */
export const Figure = createLink(({ label, value, note, tone, ...link }: FigureProps) => (
  <a {...link} className={classes.figure} data-tone={tone}>
    <span className={classes.label}>
      {tone !== undefined && <ToneIcon tone={tone} size={15} />}
      {label}
    </span>{' '}
    <span className={classes.value}>{value}</span>
    {note !== undefined && <span className={classes.note}> {note}</span>}
  </a>
));
