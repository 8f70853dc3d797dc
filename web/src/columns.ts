// The document's parts as typed arrays; web/FORMAT.md says what they are.

export type Numbers = ArrayLike<number>;
export type Column = number[] | { dtype: string; data: string };
export interface RaggedColumn {
  offsets: Column;
  values: Column;
}
export class Ragged {
  constructor(
    readonly offsets: Numbers | null,
    readonly values: Numbers,
  ) {}
  row(index: number): number[] {
    if (this.offsets === null) return [];
    const out: number[] = [];
    for (let at = this.offsets[index]; at < this.offsets[index + 1]; at++) out.push(this.values[at]);
    return out;
  }
}

function bytes(base64: string): ArrayBuffer {
  const text = atob(base64);
  const out = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) out[at] = text.charCodeAt(at);
  return out.buffer;
}

function half(bits: number): number {
  const exponent = (bits >> 10) & 31,
    fraction = bits & 1023,
    sign = bits & 32768 ? -1 : 1;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
}

export function decode(column: { dtype: string; data: string }): Numbers {
  const buffer = bytes(column.data);
  switch (column.dtype) {
    case "float32":
      return new Float32Array(buffer);
    case "float64":
      return new Float64Array(buffer);
    case "int8":
      return new Int8Array(buffer);
    case "uint8":
    case "bool":
      return new Uint8Array(buffer);
    case "int16":
      return new Int16Array(buffer);
    case "uint16":
      return new Uint16Array(buffer);
    case "int32":
      return new Int32Array(buffer);
    case "uint32":
      return new Uint32Array(buffer);
    case "int64":
      return Array.from(new BigInt64Array(buffer), Number);
    case "uint64":
      return Array.from(new BigUint64Array(buffer), Number);
    case "float16":
      return Array.from(new Uint16Array(buffer), half);
    default:
      throw new Error(`dtype ${column.dtype}`);
  }
}

export function column(given: Column | undefined, count: number, fallback: number): Numbers {
  if (given === undefined) return new Float64Array(count).fill(fallback);
  const out = Array.isArray(given) ? given : decode(given);
  if (out.length < count) throw new Error(`a column has ${out.length} entries, ${count} are needed`);
  return out;
}

export function ragged(given: RaggedColumn | undefined, count: number): Ragged {
  if (given === undefined) return new Ragged(null, []);
  const offsets = column(given.offsets, count + 1, 0);
  return new Ragged(offsets, column(given.values, offsets[count], 0));
}
