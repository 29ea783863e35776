// A little work of this browser in place of the sum: a number behind the token whose SHA-256 begins with enough zeros.
// Who sends the form sooner than the number is found, without having worked out the sum, waits for it.
(() => {
  const form = document.getElementById("appeal"), checking = document.getElementById("checking"), token = form.elements.token.value, bits = Number(document.currentScript.dataset.bits);
  const K = [], H = [], prime = n => { for (let d = 2; d * d <= n; d++) if (n % d === 0) return false; return true; };
  for (let n = 2; K.length < 64; n++) if (prime(n)) { if (H.length < 8) H.push((Math.sqrt(n) * 2 ** 32) | 0); K.push((Math.cbrt(n) * 2 ** 32) | 0); }
  const w = new Int32Array(64), turn = (x, n) => (x >>> n) | (x << (32 - n));
  const block = (h, bytes, at) => {
    for (let i = 0; i < 16; i++, at += 4) w[i] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
    for (let i = 16; i < 64; i++) { const a = w[i - 15], b = w[i - 2]; w[i] = (w[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)) + w[i - 7] + (turn(b, 17) ^ turn(b, 19) ^ (b >>> 10))) | 0; }
    let [a, b, c, d, e, f, g, k] = h;
    for (let i = 0; i < 64; i++) {
      const s = (k + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0, t = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      k = g; g = f; f = e; e = (d + s) | 0; d = c; c = b; b = a; a = (s + t) | 0;
    }
    return [h[0] + a | 0, h[1] + b | 0, h[2] + c | 0, h[3] + d | 0, h[4] + e | 0, h[5] + f | 0, h[6] + g | 0, h[7] + k | 0];
  };
  const encode = text => new TextEncoder().encode(text), first = block(H, encode(token).subarray(0, 64), 0);
  let n = 0, waits = false;
  form.addEventListener("submit", sent => {
    if (form.elements.work.value || form.elements.answer.value) return;
    sent.preventDefault();
    waits = true;
    checking.hidden = false;
  });
  const found = number => {
    form.elements.work.value = number;
    document.getElementById("sum").hidden = true;
    if (waits) form.submit();
  };
  const search = () => {
    for (const end = n + 4000; n < end; n++) {
      const rest = encode((token + ":" + n).slice(64)), last = new Uint8Array(64), size = (64 + rest.length) * 8;
      last.set(rest); last[rest.length] = 128; last[62] = size >> 8; last[63] = size & 255;
      if (block(first, last, 0)[0] >>> (32 - bits) === 0) return found(n);
    }
    setTimeout(search);
  };
  search();
})();
