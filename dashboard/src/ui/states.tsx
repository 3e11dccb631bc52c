/** What a page shows when it has nothing to show: loading, empty, failed. */
import { Button, Skeleton, Stack, Text, VisuallyHidden } from '@mantine/core';
import type { ReactNode } from 'react';
import { ApiError } from '~/api/client';
import { useWords } from '~/i18n';
import { IconAlertTriangleFilled, IconRefresh } from './icons';
import classes from './states.module.css';

/** Grey lines in the place of rows, so that the page does not jump when they arrive. */
export function Loading({ lines = 6 }: { lines?: number }) {
  const { t } = useWords();
  return (
    <Stack gap="sm" p="md" aria-busy>
      <VisuallyHidden>
        <output>{t('common.loading')}</output>
      </VisuallyHidden>
      {Array.from({ length: lines }, (_, line) => (
        <Skeleton key={line} height={18} radius="sm" width={`${96 - ((line * 13) % 40)}%`} />
      ))}
    </Stack>
  );
}

interface EmptyProps {
  readonly icon: ReactNode;
  readonly title: string;
  readonly children?: ReactNode;
}

/** Nothing here, and why that is: an empty list is an answer too. */
export function Empty({ icon, title, children }: EmptyProps) {
  return (
    <div className={classes.empty}>
      <span className={classes.icon} aria-hidden>
        {icon}
      </span>
      <Text fw={600}>{title}</Text>
      {children !== undefined && <div className={classes.note}>{children}</div>}
    </div>
  );
}

interface FailedProps {
  readonly error: unknown;
  readonly onRetry?: (() => void) | undefined;
}

/** What failed, in words, with the server's code for whoever has to look it up. */
export function Failed({ error, onRetry }: FailedProps) {
  const { t } = useWords();
  const missing = error instanceof ApiError && error.status === 404;
  return (
    <div className={classes.empty} role="alert">
      <span className={classes.icon} data-tone="high" aria-hidden>
        <IconAlertTriangleFilled size={28} />
      </span>
      <Text fw={600}>{missing ? t('error.notFoundTitle') : t('error.title')}</Text>
      <div className={classes.note}>{useErrorText(error)}</div>
      {onRetry !== undefined && !missing && (
        <Button variant="default" leftSection={<IconRefresh size={16} />} onClick={onRetry} mt="xs">
          {t('common.retry')}
        </Button>
      )}
    </div>
  );
}

/** A failure in one sentence. */
export function useErrorText(error: unknown): string {
  const { t } = useWords();
  if (!(error instanceof ApiError)) return t('error.crashed');
  if (error.status === 0) return t('error.network');
  if (error.status === 403) return t('error.forbidden');
  if (error.status === 404) return t('error.notFound');
  if (error.status === 503) return t('error.unavailable');
  return t('error.server', { status: error.status, code: error.code });
}
