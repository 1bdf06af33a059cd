import http from 'node:http';

/**
 * One visit: comes, logs in, orders three times, looks at everything. Throws where the shop answers what it should not.
 *
 * @param think Waited for before each request but the first; absent: it asks without a pause.
 */
export async function visit(
  port: number,
  number: number,
  agent: http.Agent,
  think: () => Promise<void> = () => Promise.resolve(),
): Promise<number> {
  const visitor = new Visitor(port, `v${number}`, agent, think);
  const front = await visitor.ask('GET', '/');
  const csrf = /name="csrf" value="([^"]+)"/.exec(front.body)?.[1] ?? '';
  const login = await visitor.ask('POST', '/login', `csrf=${csrf}&user=user${number}`, {
    'content-type': 'application/x-www-form-urlencoded',
  });
  const account = await visitor.ask('GET', login.headers.location ?? '');
  const token = /name="csrf-token" content="([^"]+)"/.exec(account.body)?.[1] ?? '';
  const json = { 'content-type': 'application/json', 'x-csrf-token': token };
  let orderId: unknown;
  for (const item of ['boots', 'a blue umbrella', 'tea']) {
    const body = orderId === undefined ? { item } : { item, orderId };
    const made = await visitor.ask('POST', '/orders', JSON.stringify(body), json);
    orderId = (JSON.parse(made.body) as { id: unknown }).id; // the bench's own shop
    await visitor.ask('GET', made.headers.location ?? '');
  }
  const first = JSON.parse((await visitor.ask('GET', '/orders?limit=2')).body) as OrderList;
  for (const { id, invoice } of first.orders) {
    await visitor.ask('GET', `/orders/${id}`);
    await visitor.ask('GET', invoice);
  }
  await visitor.ask('GET', `/orders?limit=2&cursor=${first.next}`);
  await visitor.ask('GET', '/account');
  return visitor.requests;
}

interface OrderList {
  readonly orders: readonly { readonly id: string | number; readonly invoice: string }[];
  readonly next: string;
}

interface Answer {
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

class Visitor {
  requests = 0;
  #cookie = '';
  readonly #port: number;
  readonly #name: string;
  readonly #agent: http.Agent;
  readonly #think: () => Promise<void>;

  constructor(port: number, name: string, agent: http.Agent, think: () => Promise<void>) {
    this.#think = think;
    this.#port = port;
    this.#name = name;
    this.#agent = agent;
  }

  async ask(method: string, path: string, body = '', headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    if (this.requests > 0) await this.#think();
    this.requests += 1;
    const sent: Record<string, string> = { ...headers, 'x-visitor': this.#name };
    if (this.#cookie !== '') sent['cookie'] = this.#cookie;
    if (body !== '') sent['content-length'] = String(Buffer.byteLength(body));
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const request = http.request(
        { port: this.#port, host: '127.0.0.1', method, path, headers: sent, agent: this.#agent },
        resolve,
      );
      request.on('error', reject);
      request.end(body);
    });
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    if ((response.statusCode ?? 500) >= 400)
      throw new Error(`${this.#name} ${method} ${path}: ${response.statusCode} ${text}`);
    const cookie = response.headers['set-cookie']?.[0]?.split(';')[0];
    if (cookie !== undefined) this.#cookie = cookie;
    return { headers: response.headers, body: text };
  }
}
