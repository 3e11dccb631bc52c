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
} as const satisfies Record<string, readonly Role[]>;

export function useMay(right: keyof typeof HOLDERS): boolean {
  const { role } = useSuspenseQuery(meQuery()).data;
  return (HOLDERS[right] as readonly Role[]).includes(role);
}
