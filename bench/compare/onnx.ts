/** Just enough of the ONNX file format, which is protocol buffers, to write a graph of f32 tensors. */

export interface Node {
  readonly type: string;
  readonly inputs: readonly string[];
  readonly output: string;
}

export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface Graph {
  readonly nodes: readonly Node[];
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly scalars: Readonly<Record<string, number>>;
}

const IR_VERSION = 8;
const OPSET = 17;
const FLOAT = 1;

/** The bytes of a model. Numbers of fields are those of onnx.proto. */
export function encodeModel({ nodes, inputs, outputs, scalars }: Graph): Uint8Array {
  const graph = [
    ...nodes.flatMap((node) => message(1, encodeNode(node))),
    ...text(2, "step"),
    ...Object.entries(scalars).flatMap(([name, value]) => message(5, encodeScalar(name, value))),
    ...inputs.flatMap((tensor) => message(11, encodeType(tensor))),
    ...outputs.flatMap((tensor) => message(12, encodeType(tensor))),
  ];
  return Uint8Array.from([...integer(1, IR_VERSION), ...message(7, graph), ...message(8, integer(2, OPSET))]);
}

function encodeNode({ type, inputs, output }: Node): number[] {
  return [...inputs.flatMap((name) => text(1, name)), ...text(2, output), ...text(4, type)];
}

/** An initializer without dimensions. */
function encodeScalar(name: string, value: number): number[] {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return [...integer(2, FLOAT), ...text(8, name), ...message(9, [...bytes])];
}

function encodeType({ name, shape }: Tensor): number[] {
  const dimensions = shape.flatMap((size) => message(1, integer(1, size)));
  const type = message(1, [...integer(1, FLOAT), ...message(2, dimensions)]);
  return [...text(1, name), ...message(2, type)];
}

function integer(field: number, value: number): number[] {
  return [...varint(field << 3), ...varint(value)];
}

function text(field: number, value: string): number[] {
  return message(field, [...new TextEncoder().encode(value)]);
}

function message(field: number, bytes: readonly number[]): number[] {
  return [...varint((field << 3) | 2), ...varint(bytes.length), ...bytes];
}

/** Seven bits a byte, the lowest first; all but the last have the eighth bit. */
function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}
