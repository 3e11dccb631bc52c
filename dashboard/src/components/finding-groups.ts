/** Findings by who caused them, so that two hundred changes by one program read as one story. */
import type { Finding } from '~/api/types';

/** Who caused a group's findings; empty where nobody can tell. */
export interface Cause {
  readonly user: string;
  readonly program: string;
  /** Why nobody can tell, as a code. */
  readonly reason: string;
}

export interface FindingGroup {
  readonly key: string;
  readonly cause: Cause;
  readonly findings: readonly Finding[];
  /** How many there are, shown or not. */
  readonly total: number;
}

/** Groups in the order of their newest finding; the findings of each keep theirs. */
export function grouped(findings: readonly Finding[]): FindingGroup[] {
  const groups = new Map<string, { cause: Cause; findings: Finding[] }>();
  for (const finding of findings) {
    const cause = causeOf(finding);
    const key = JSON.stringify(cause);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { cause, findings: [finding] });
    else group.findings.push(finding);
  }
  return [...groups].map(([key, { cause, findings: own }]) => ({ key, cause, findings: own, total: own.length }));
}

/** The groups' first `limit` findings in all; a group of which none is left is left out. */
export function first(groups: readonly FindingGroup[], limit: number): FindingGroup[] {
  let left = limit;
  return groups.flatMap((group) => {
    const findings = group.findings.slice(0, left);
    left -= findings.length;
    return findings.length === 0 ? [] : [{ ...group, findings }];
  });
}

function causeOf({ evidence }: Finding): Cause {
  const { process, who_reason: reason } = evidence;
  const { user, executable } = (process ?? {}) as { user?: unknown; executable?: unknown };
  // Of malware, the user it was found under stands beside the program, not in it.
  return { user: plain(user ?? evidence['user']), program: plain(executable), reason: plain(reason) };
}

/** A text may come alone or with its bytes beside it. */
function plain(value: unknown): string {
  if (typeof value === 'string') return value;
  const { text } = (value ?? {}) as { text?: unknown };
  return typeof text === 'string' ? text : '';
}
