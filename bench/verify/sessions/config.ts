/** Endpoint of the shop that begins a visitor's session of their own. */
export const LOGIN = 'POST /login';

/** Both shops keep everything for themselves; what has effects is mirrored too. A tenant for each visit gives each verdicts of its own. */
export function configOf(control: string, candidate: string): Record<string, unknown> {
  const writes = [LOGIN, 'POST /orders'].map((match) => ({ match, mirrorWrites: true }));
  return {
    listen: '127.0.0.1:0',
    control: { url: control },
    candidate: { url: candidate, data: 'own' },
    identity: { tenant: [{ header: 'x-visitor' }], subject: [{ header: 'x-visitor' }] },
    sessions: { own: ['cookie:sid'] },
    defaults: { mirror: '100%' },
    endpoints: [...writes, { match: 'GET /orders/{id}' }, { match: 'GET /invoices/{id}' }, { match: 'GET /orders' }],
  };
}
