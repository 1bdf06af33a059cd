import { describe, expect, test } from 'vitest';
import { isIdName, isShortId, looksMade, nounOf } from './made.ts';

describe('what a server made', () => {
  test.each([
    '5f0c1a9e-6b7d-4c3a-9f21-0d8e7b6a5c4d',
    '507f1f77bcf86cd799439011',
    '01ARZ3NDEKTSV4RRFFQ69G5FAV',
    '1541815603606036480',
    'V1StGXR8_Z5jdHi6B-myT',
    'ord_8fK29xK1pQ',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1gFWFOEjXk',
    'a8F3/Kq2+Zx9Lm4Pw7==',
  ])('%s is one thing wherever it stands', (text) => {
    expect(looksMade(text)).toBe(true);
  });

  test.each([
    '',
    '17',
    'boots',
    'red-shirt-2',
    'SKU-12345-RED',
    'MotorolaRazr',
    '2026-11-21',
    '/orders/V1StGXR8_Z5jdHi6B-myT',
    'orders/V1StGXR8_Z5jdHi6B-myT',
    'https://shop.example/V1StGXR8_Z5jdHi6B-myT',
    'app-3f9a8b7c.js',
    'a sentence of words and 17 things',
    'x'.repeat(5_000),
  ])('%s is not', (text) => {
    expect(looksMade(text)).toBe(false);
  });

  test.each([
    ['id', true],
    ['_id', true],
    ['orderId', true],
    ['order_id', true],
    ['data-id', true],
    ['paid', false],
    ['grid', false],
    ['total', false],
  ])('the name %s says that it is an id: %s', (name, is) => {
    expect(isIdName(name)).toBe(is);
  });

  test.each([
    ['orderId', 'order'],
    ['order_id', 'order'],
    ['orders', 'order'],
    ['categories', 'category'],
    ['address', 'address'],
    ['id', ''],
    ['page', ''],
    ['v2', ''],
  ])('%s belongs to %s', (name, noun) => {
    expect(nounOf(name)).toBe(noun);
  });

  test('a short id is digits, or letters and digits; no sentence and no number with a fraction', () => {
    expect(['17', 'B-204'].every(isShortId)).toBe(true);
    expect(['boots', '3.5', 'no 17', '-5.0', ''].some(isShortId)).toBe(false);
  });
});
