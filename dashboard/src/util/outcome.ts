/**
 * What became of malware, as the code whose words say it: of an unknown outcome it is sometimes known why
 * nobody can tell.
 */
export function outcomeCode(outcome: string, code: unknown): string {
  return outcome === 'unknown' && code === 'file_gone' ? code : outcome;
}
