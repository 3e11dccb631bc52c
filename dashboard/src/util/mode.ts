/** The rights of a mode as `ls -l` and `chmod` write them: `rwxr-xr-x (755)`. */
export function modeText(mode: number): string {
  const rights = mode & 0o7777;
  const letters = [...'rwxrwxrwx'].map((letter, index) => ((rights >> (8 - index)) & 1 ? letter : '-')).join('');
  return `${letters} (${rights.toString(8).padStart(3, '0')})`;
}
