import { THEME_NAMES, THEMES, type Theme, type ThemeName } from './themes.ts';

/*
 * How the rewrite came to render the themes as the monolith does: the shops' templates stay as their owners wrote them,
 * and where the two engines understand a filter differently the template is rewritten before it is compiled.
 */

const firstUpper = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1).toLowerCase();

/** What adapted templates call; given to the engine with every page. */
export const ADAPTERS: Readonly<Record<string, (text: unknown) => string>> = {
  /** `capitalize` of the monolith's engine: the first letter large, all others small. */
  as_sentence: (text) => firstUpper(String(text)),
  /** `title` of the monolith's engine: words end at spaces only, so that `T-shirt` keeps its small s. */
  as_title: (text) => String(text).split(' ').map(firstUpper).join(' '),
};

const ADAPTATIONS: readonly (readonly [RegExp, string])[] = [
  [/\b([a-z_]+(?:\.[a-z_]+)*)\|title\b/g, 'as_title($1)'],
  [/\b([a-z_]+(?:\.[a-z_]+)*)\|capitalize\b/g, 'as_sentence($1)'],
  // The monolith's engine knows no test here: it asks whether the attribute is true, and any text is.
  [/\|selectattr\(("[a-z_]+"), "equalto", "[a-z]+"\)/g, '|selectattr($1)'],
  // It prints a list as its elements with commas between them.
  [/\{\{ product\.tags \}\}/g, '{{ product.tags|join(",") }}'],
];

function adapt(template: string): string {
  return ADAPTATIONS.reduce((text, [pattern, by]) => text.replace(pattern, by), template);
}

/** A theme for the rewrite's engine that renders as the original does on the monolith's. */
function adaptTheme(theme: Theme): Theme {
  return {
    layout: adapt(theme.layout),
    index: adapt(theme.index),
    collection: adapt(theme.collection),
    product: adapt(theme.product),
    search: adapt(theme.search),
    cart: adapt(theme.cart),
  };
}

export const ADAPTED_THEMES = Object.fromEntries(
  THEME_NAMES.map((name) => [name, adaptTheme(THEMES[name])]),
) as Readonly<Record<ThemeName, Theme>>; // one entry for each name
