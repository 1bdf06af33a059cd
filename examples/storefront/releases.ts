/**
 * The versions of the rewrite: what each does wrong, and what each puts right.
 * The first three mistakes are the kind a rewrite makes; the last two are the kind a hurried release makes.
 */
export const MISTAKES = [
  'search-drops-last-result',
  'api-omits-unavailable',
  'cart-total-rounded',
  'price-in-cents',
  'sold-out-fails',
] as const;
export type Mistake = (typeof MISTAKES)[number];

export interface Release {
  readonly version: string;
  /** What it changes, as one would announce it. */
  readonly says: string;
  readonly mistakes: readonly Mistake[];
  /** Whether it renders the themes the way the monolith's engine does; see `adaptTheme` in `adapted-themes.ts`. */
  readonly adaptsThemes: boolean;
}

/** In the order in which they are deployed. */
export const RELEASES = [
  {
    version: '1.0.0',
    says: 'the first one: another engine, and three mistakes',
    mistakes: ['search-drops-last-result', 'api-omits-unavailable', 'cart-total-rounded'],
    adaptsThemes: false,
  },
  {
    version: '1.1.0',
    says: 'search shows the last result too',
    mistakes: ['api-omits-unavailable', 'cart-total-rounded'],
    adaptsThemes: false,
  },
  {
    version: '1.2.0',
    says: 'the API says of sold-out products that they are not available',
    mistakes: ['cart-total-rounded'],
    adaptsThemes: false,
  },
  { version: '1.3.0', says: 'cart totals are right', mistakes: [], adaptsThemes: false },
  { version: '1.4.0', says: 'themes look as they do on the control', mistakes: [], adaptsThemes: true },
  {
    version: '1.5.0',
    says: 'faster product pages; by mistake prices are in cents, and pages of sold-out products fail',
    mistakes: ['price-in-cents', 'sold-out-fails'],
    adaptsThemes: true,
  },
  { version: '1.5.1', says: 'product pages are right again', mistakes: [], adaptsThemes: true },
] as const satisfies readonly Release[];

/** The release of a version; undefined where there is none. */
export function releaseNamed(version: string): Release | undefined {
  return RELEASES.find((release) => release.version === version);
}

/** Where a mistake shows: its endpoints, and the place in their answers. */
export interface Trace {
  readonly endpoints: readonly string[];
  /** Fits the path patterns of differences it makes, and of no others on these endpoints. */
  readonly path: RegExp;
}

/**
 * How often each hits: search drops a result wherever there is one (six of seven queries); a quarter of all products is
 * sold out; nine in ten cart totals are no multiple of ten cents; every product page that does not fail has a price.
 */
export const TRACES: Readonly<Record<Mistake, Trace>> = {
  'search-drops-last-result': { endpoints: ['GET /search'], path: /\/main\b.*\/(h2|ol)\b/ },
  'api-omits-unavailable': { endpoints: ['GET /api/products', 'GET /api/products/{id}'], path: /\bavailable$/ },
  'cart-total-rounded': { endpoints: ['GET /cart'], path: /\/p\.total\b/ },
  'price-in-cents': { endpoints: ['GET /products/{handle}'], path: /\/p\.price\b/ },
  'sold-out-fails': { endpoints: ['GET /products/{handle}'], path: /^status$/ },
};
