// Incremental SHA-256 (FIPS 180-4) in WebAssembly, which runs about twice as fast as the same rounds in JavaScript.
//
// WebCrypto can hash only what is in memory as one piece. The module is assembled here, from the standard's rounds,
// so that there is no binary to trust: `assembleSha256` emits one function that hashes the 64-byte blocks in
// [from, to) of its memory into the eight words at address 0.

const firstPrimes = (count) => {
  const found = [];
  for (let n = 2; found.length < count; n += 1) if (found.every((prime) => n % prime)) found.push(n);
  return found;
};
// "the first thirty-two bits of the fractional parts of" the square and cube roots of the first primes (4.2.2, 5.3.3)
const fractionBits = (x) => Math.floor((x - Math.floor(x)) * 2 ** 32) | 0;
const SHA256_INITIAL = firstPrimes(8).map((prime) => fractionBits(Math.sqrt(prime)));
const SHA256_ROUNDS = firstPrimes(64).map((prime) => fractionBits(Math.cbrt(prime)));

function assembleSha256() {
  const unsigned = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...unsigned(n >>> 7)]); // LEB128
  const signed = (n) => (n >= -64 && n < 64 ? [n & 127] : [(n & 127) | 128, ...signed(n >> 7)]);
  const ADD = [0x6a], AND = [0x71], OR = [0x72], XOR = [0x73];
  const get = (local) => [0x20, local], set = (local) => [0x21, local], tee = (local) => [0x22, local];
  const number = (n) => [0x41, ...signed(n)];
  const load = (offset) => [0x28, 2, ...unsigned(offset)], store = (offset) => [0x36, 2, ...unsigned(offset)];
  const rotr = (local, n) => [get(local), number(n), 0x78], shr = (local, n) => [get(local), number(n), 0x76];
  const xor3 = (a, b, c) => [a, b, XOR, c, XOR];

  // Locals: the block's address and the end, the working variables a to h, 16 words of the schedule, one temporary.
  const AT = 0, END = 1, A = 2, W = 10, T = 26;
  const body = [0x03, 0x40]; // loop
  const emit = (...code) => body.push(...code.flat(Infinity));
  for (let i = 0; i < 8; i += 1) emit(number(0), load(4 * i), set(A + i));
  for (let i = 0; i < 16; i += 1) {
    // The words are big endian, the memory is little endian.
    emit(get(AT), load(4 * i), set(T));
    emit(rotr(T, 24), number(0x00ff00ff), AND, rotr(T, 8), number(0xff00ff00 | 0), AND, OR, set(W + i));
  }
  const variables = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => A + i);
  for (let i = 0; i < 64; i += 1) {
    const [a, b, c, d, e, f, g, h] = variables;
    const word = (back) => W + ((i - back) & 15);
    if (i >= 16) {
      const sigma0 = xor3(rotr(word(15), 7), rotr(word(15), 18), shr(word(15), 3));
      const sigma1 = xor3(rotr(word(2), 17), rotr(word(2), 19), shr(word(2), 10));
      emit(get(word(16)), sigma0, ADD, get(word(7)), ADD, sigma1, ADD, set(word(16)));
    }
    const sum1 = xor3(rotr(e, 6), rotr(e, 11), rotr(e, 25)), sum0 = xor3(rotr(a, 2), rotr(a, 13), rotr(a, 22));
    const choice = [get(e), get(f), get(g), XOR, AND, get(g), XOR];
    const majority = [get(a), get(b), AND, get(a), get(b), OR, get(c), AND, OR];
    emit(get(h), sum1, ADD, choice, ADD, number(SHA256_ROUNDS[i]), ADD, get(word(16)), ADD, set(T));
    emit(get(d), get(T), ADD, set(d), get(T), sum0, ADD, majority, ADD, set(h));
    variables.unshift(variables.pop()); // h is the new a, d the new e
  }
  for (let i = 0; i < 8; i += 1) emit(number(0), number(0), load(4 * i), get(A + i), ADD, store(4 * i));
  emit(get(AT), number(64), ADD, tee(AT), get(END), 0x49, 0x0d, 0, 0x0b, 0x0b); // branch while at < end

  const vector = (items) => [...unsigned(items.length), ...items.flat()];
  const section = (id, content) => [id, ...unsigned(content.length), ...content];
  const code = [...vector([[25, 0x7f]]), ...body]; // 25 locals of type i32
  return new Uint8Array([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, // "\0asm", version 1
    ...section(1, vector([[0x60, 2, 0x7f, 0x7f, 0]])), // type: (i32, i32) -> ()
    ...section(2, vector([[1, 0x65, 1, 0x6d, 2, 0, 1]])), // import memory e.m
    ...section(3, vector([[0]])), // one function of that type
    ...section(7, vector([[1, 0x66, 0, 0]])), // export f
    ...section(10, vector([[...unsigned(code.length), ...code]])),
  ]);
}

class Sha256 {
  static #module = null;
  static #START = 64; // the buffer's address in the memory, behind the state
  static #PAGES = 3; // of 64 KiB; the rest of them is the buffer, which stays in the processor's cache

  #state;
  #buffer;
  #blocks;
  #used = 0;

  constructor() {
    Sha256.#module ??= new WebAssembly.Module(assembleSha256());
    const memory = new WebAssembly.Memory({ initial: Sha256.#PAGES });
    this.length = 0; // bytes so far
    this.#state = new Int32Array(memory.buffer, 0, 8);
    this.#state.set(SHA256_INITIAL);
    this.#buffer = new Uint8Array(memory.buffer, Sha256.#START);
    this.#blocks = new WebAssembly.Instance(Sha256.#module, { e: { m: memory } }).exports.f;
  }

  update(bytes) {
    this.length += bytes.length;
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + this.#buffer.length - this.#used);
      this.#buffer.set(piece, this.#used);
      this.#used += piece.length;
      at += piece.length;
      if (this.#used === this.#buffer.length) this.#flush();
    }
  }

  // The digest in hex; nothing can be added after it.
  hex() {
    const padding = new Uint8Array(((119 - (this.length % 64)) % 64) + 9); // a one bit, zeros, the length
    const bits = this.length * 8;
    padding[0] = 0x80;
    const view = new DataView(padding.buffer, padding.length - 8);
    view.setUint32(0, Math.floor(bits / 2 ** 32));
    view.setUint32(4, bits >>> 0);
    this.update(padding);
    this.#flush();
    return Array.from(this.#state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }

  #flush() {
    if (this.#used) this.#blocks(Sha256.#START, Sha256.#START + this.#used);
    this.#used = 0;
  }
}
