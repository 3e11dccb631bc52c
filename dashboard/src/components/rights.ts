/**
 * What a role may do, so that a page offers nothing that the collector would refuse. The collector decides;
 * this only spares its users a button that leads nowhere.
 */
import { useSuspenseQuery } from '@tanstack/react-query';
import { meQuery } from '~/api/queries';
import type { Role } from '~/api/types';

const HOLDERS = {
  /** Telling PCs to do something. */
  order: ['administrator', 'analyst', 'unit_staff'],
  /** Bringing in the register of assets, and making exceptions from it. */
  keepRegister: ['administrator'],
  /** Saying of machines on the network that they are no PCs. */
  markMachines: ['administrator', 'analyst'],
  /** Accepting a change of a file as the new state, or flagging it. */
  reviewFiles: ['administrator', 'analyst'],
  /** Keeping the lists of known contents, which hold for everybody. */
  keepHashes: ['administrator', 'analyst'],
} as const satisfies Record<string, readonly Role[]>;

/** What holds for everybody is not for those who see a part. */
const WHOLE: ReadonlySet<string> = new Set<keyof typeof HOLDERS>(['keepHashes']);

export function useMay(right: keyof typeof HOLDERS): boolean {
  const { role, unit } = useSuspenseQuery(meQuery()).data;
  return (HOLDERS[right] as readonly Role[]).includes(role) && (unit == null || !WHOLE.has(right));
}
