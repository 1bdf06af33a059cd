import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { MIGRATIONS, migrate, versionOf } from './migrations.ts';

const chain = [
  'CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1)',
  'ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = x + 1',
  'CREATE TABLE b AS SELECT y FROM a',
];

test('a database goes through the steps it has not made, from whichever it stands at', () => {
  for (let from = 0; from <= chain.length; from += 1) {
    const db = new DatabaseSync(':memory:');
    migrate(db, chain.slice(0, from));
    expect(versionOf(db)).toBe(from);
    migrate(db, chain);
    migrate(db, chain);
    expect(versionOf(db)).toBe(3);
    expect(db.prepare('SELECT * FROM b').all()).toEqual([{ y: 2 }]);
    db.close();
  }
});

test('a step that fails leaves nothing behind, and the steps before it stay', () => {
  const db = new DatabaseSync(':memory:');
  const broken = [chain[0] ?? '', 'INSERT INTO a VALUES (2); CREATE TABLE c (x INTEGER); SELECT nonsense FROM nowhere'];
  expect(() => migrate(db, broken)).toThrow('nowhere');
  expect(versionOf(db)).toBe(1);
  expect(db.isTransaction).toBe(false);
  expect(db.prepare('SELECT * FROM a').all()).toEqual([{ x: 1 }]);
  expect(() => db.prepare('SELECT * FROM c')).toThrow('no such table');
  db.close();
});

test('the released steps make a database', () => {
  const db = new DatabaseSync(':memory:');
  migrate(db, MIGRATIONS);
  expect(versionOf(db)).toBe(MIGRATIONS.length);
  db.close();
});
