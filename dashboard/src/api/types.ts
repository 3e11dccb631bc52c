/** Short names for the shapes of the generated document; nothing is defined here. */
import type { components, paths } from './__generated__/schema';

type Schemas = components['schemas'];

export type Me = Schemas['Me'];
export type Overview = Schemas['Overview'];
export type Unit = Schemas['Page_Unit']['items'][number];
export type HostRow = Schemas['Page_HostRow']['items'][number];
export type HostDetail = Schemas['HostDetail'];
export type AntivirusProduct = Schemas['AntivirusProductReport'];
export type Ledger = Schemas['Ledger'];
export type EventRow = Schemas['Page_EventRow']['items'][number];
export type EventDetail = Schemas['EventDetail'];
export type AlertRow = Schemas['Page_AlertRow']['items'][number];
export type AlertDetail = Schemas['AlertDetail'];
export type Finding = Schemas['FindingReport'];
export type Delivery = Schemas['DeliveryReport'];
export type HistoryEntry = Schemas['HistoryEntry'];
export type FileReport = Schemas['FileReport'];
export type Who = Schemas['WhoReport'];
export type Text = Schemas['Text'];
export type Phrase = Schemas['Phrase'];
export type Severity = Schemas['Severity'];
export type Verdict = Schemas['Verdict'];

export type HostFilters = NonNullable<paths['/api/v1/hosts']['get']['parameters']['query']>;
export type EventFilters = NonNullable<paths['/api/v1/hosts/{id}/events']['get']['parameters']['query']>;
export type AlertFilters = NonNullable<paths['/api/v1/alerts']['get']['parameters']['query']>;
