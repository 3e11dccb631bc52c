/** The pages of one subject, side by side: links, because each has an address of its own. */
import { createLink } from '@tanstack/react-router';
import type { ComponentPropsWithRef, ReactNode } from 'react';
import classes from './sections.module.css';

/** `label` names them for screen readers: the subject. */
export function Sections({ label, children }: { label: string; children: ReactNode }) {
  return (
    <nav className={classes.sections} aria-label={label}>
      {children}
    </nav>
  );
}

export const Section = createLink(({ children, ...link }: ComponentPropsWithRef<'a'>) => (
  <a {...link} className={classes.section}>
    {children}
  </a>
));
