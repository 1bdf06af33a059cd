/** A shop in a process of its own: `fork(shop-process.ts, [SEED, FIRST_NUMBER])`; speaks with its parent, ends with it. */
import { type MixUp, startShop } from './shop.ts';

/** What the parent says: mix up this share from now on, or tell what was mixed up. */
export type ShopOrder = { readonly mixUp: number } | 'tell';
/** What it hears: first where the shop is, then whatever it asked for. */
export type ShopReply = { readonly url: string } | { readonly mixedUp: readonly MixUp[] };

const [seed = 'shop', firstNumber = '1000'] = process.argv.slice(2);
const shop = await startShop(seed, Number(firstNumber));
const say = (reply: ShopReply): void => {
  process.send?.(reply);
};
process.on('message', (order: ShopOrder) => {
  if (order === 'tell') say({ mixedUp: shop.mixedUp });
  else shop.mixUp(order.mixUp);
});
process.on('disconnect', () => process.exit(0));
say({ url: shop.url });
