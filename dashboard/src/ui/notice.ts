/** "It is done", said once in the corner and gone by itself. */
import { notifications } from '@mantine/notifications';

export function notice(message: string): void {
  notifications.show({ message, withCloseButton: false });
}
