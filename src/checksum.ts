/** Whether bytes are those that they were. */

/** FNV-1a by words, and by the bytes of an incomplete last one. */
export function checksum(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const whole = bytes.length - (bytes.length % 4);
  let sum = 0x811c9dc5;
  for (let at = 0; at < whole; at += 4) sum = Math.imul(sum ^ view.getUint32(at, true), 0x01000193);
  for (let at = whole; at < bytes.length; at++) sum = Math.imul(sum ^ view.getUint8(at), 0x01000193);
  return sum >>> 0;
}
