import { describe, expect, test } from 'vitest';
import { matrixSvg } from './matrix-picture.ts';
import { heatMapSvg } from './picture.ts';
import { Tallies } from './tally.ts';

describe('the picture', () => {
  const svg = heatMapSvg({
    title: 'Faults & alarms',
    subtitle: 'x < y',
    tools: ['ours', 'two thresholds'],
    panels: [
      {
        title: 'found',
        full: [0, 0, 0],
        rows: [
          { name: 'a', shares: [1, 0] },
          { name: 'b', shares: [0.999, 0.004] },
          { name: 'c', shares: [undefined, 0.5] },
        ],
      },
    ],
  });

  test('shows a cell for each row and tool, dark where much was found, light where nothing was', () => {
    expect(svg.match(/<rect [^>]*fill="rgb/g)).toHaveLength(6);
    expect(svg).toContain('fill="rgb(0,0,0)"');
    expect(svg).toContain('fill="rgb(244,245,247)"');
  });

  test('never says 0 for a little nor 100 for nearly all', () => {
    expect(svg).toContain('>&gt; 99</text>');
    expect(svg).toContain('>&lt; 1</text>');
    expect(svg).toContain('>–</text>');
  });

  test('is well-formed: names are escaped', () => {
    expect(svg).toContain('Faults &amp; alarms');
    expect(svg).toContain('x &lt; y');
    expect(svg).not.toContain('x < y');
  });
});

describe('the matrix of noise and faults', () => {
  const shares: Record<string, number> = { 'a x': 1, 'a y': 0.999, 'b x': 0 };
  const svg = matrixSvg({
    title: 'Noise & faults',
    subtitle: '',
    rows: ['a', 'b'],
    columns: ['x', 'y'],
    large: { title: 'ours', share: (row, column) => shares[`${row} ${column}`] },
    small: { title: 'theirs', share: () => 0.5 },
  });

  test('shows each pair twice, told in words too, and figures where less than all was found', () => {
    expect(svg.match(/<title>/g)).toHaveLength(8);
    expect(svg).toContain('<title>a × x: 100.0 %</title>');
    expect(svg).toContain('<title>a × y: 99.9 %</title>');
    expect(svg).toContain('<title>b × y: never planted</title>');
    expect(svg).toMatch(/fill="rgb\(17,94,131\)"><title>a × x/);
    expect(svg).toMatch(/fill="rgb\(178,60,23\)"><title>b × x/);
    expect(svg.match(/font-size="8"/g)).toHaveLength(2);
    expect(svg).toContain('Noise &amp; faults');
  });
});

describe('tallies', () => {
  test('count hits of each tool by name and in sum', () => {
    const tallies = new Tallies(2);
    tallies.add('a', [true, false]);
    tallies.add('a', [true, true]);
    tallies.add('b', [false, true]);
    expect(tallies.of('a')).toEqual({ total: 2, hits: [2, 1] });
    expect(tallies.sum()).toEqual({ total: 3, hits: [2, 2] });
    expect(tallies.of('c')).toEqual({ total: 0, hits: [0, 0] });
  });
});
