/** A Markdown table; cells are kept on one line and cannot end early. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replace(/\s*\n\s*/g, ' ');
}

/** Said at the top of every generated page. */
export const GENERATED_NOTE = '<!-- Made by scripts/docs.ts from the sources; edit those. -->';
