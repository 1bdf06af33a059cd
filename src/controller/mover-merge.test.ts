import { expect, test } from 'vitest';
import { World } from '../../test/support/movement-rig.ts';
import type { EndpointId } from '../core/cell.ts';

test('what was saved of endpoints that became another is deleted, once, also where the store failed first', async () => {
  const rig = await new World({ tenants: ['acme'] }).start();
  await rig.run(5);
  const saved = rig.mover.takeDocuments(100).map(({ key }) => key);
  expect(saved).toContain('endpoint GET /a');
  rig.mover.mergeEndpoints(['GET /a' as EndpointId], 'GET /{name}' as EndpointId);
  const deleted = (): string[] =>
    rig.mover
      .takeDocuments(100)
      .filter(({ value }) => value === undefined)
      .map(({ key }) => key);
  const first = deleted();
  expect(first.filter((key) => key !== 'epoch').sort()).toEqual(saved.filter((key) => key !== 'epoch').sort());
  rig.mover.returnDocuments();
  expect(deleted()).toEqual(first);
  expect(deleted()).toEqual([]);
  await rig.mover.close();
});
