// Two inputs, one hidden layer, one output with a sigmoid: forward, backward and a step, in plain numbers.

export type FunctionName = "tanh" | "relu" | "sigmoid" | "linear";

interface ActivationFunction {
  of: (z: number) => number;
  slope: (z: number) => number;
}

const logistic = (z: number): number => 1 / (1 + Math.exp(-z));

export const FUNCTIONS: Record<FunctionName, ActivationFunction> = {
  tanh: { of: Math.tanh, slope: (z) => 1 - Math.tanh(z) ** 2 },
  relu: { of: (z) => Math.max(z, 0), slope: (z) => (z > 0 ? 1 : 0) },
  sigmoid: { of: logistic, slope: (z) => logistic(z) * (1 - logistic(z)) },
  linear: { of: (z) => z, slope: () => 1 },
};

export interface Example {
  x: [number, number];
  /** 0 or 1. */
  label: number;
}

/** Weights and biases in one row: w1, w2, b of each hidden unit, then the output's weights, then its bias. */
export interface Network {
  units: number;
  activation: FunctionName;
  params: number[];
}

export const paramCount = (units: number): number => 4 * units + 1;
/** Where a hidden unit's weight of input 0 or 1 stands, or its bias (2). */
export const hiddenPlace = (unit: number, input: number): number => 3 * unit + input;
/** Where the output's weight of a hidden unit stands; after the last, its bias. */
export const outputPlace = (units: number, unit: number): number => 3 * units + unit;

export interface Pass {
  /** Of each hidden unit, before and after the activation function. */
  z: number[];
  a: number[];
  logit: number;
  /** The probability of class 1. */
  prob: number;
}

export function forward({ units, activation, params }: Network, x: [number, number]): Pass {
  const z: number[] = [];
  const a: number[] = [];
  let logit = params[outputPlace(units, units)];
  for (let u = 0; u < units; u++) {
    z[u] = params[3 * u] * x[0] + params[3 * u + 1] * x[1] + params[3 * u + 2];
    a[u] = FUNCTIONS[activation].of(z[u]);
    logit += params[outputPlace(units, u)] * a[u];
  }
  return { z, a, logit, prob: logistic(logit) };
}

/** Minus the logarithm of the probability of the true class, from the logit: nothing overflows. */
export function lossOf(logit: number, label: number): number {
  return Math.max(logit, 0) - logit * label + Math.log1p(Math.exp(-Math.abs(logit)));
}

export interface Backward {
  pass: Pass;
  loss: number;
  /** By the logit, by each hidden unit's output, by the same before the activation function. */
  logit: number;
  a: number[];
  z: number[];
  /** By each weight and bias, in their order. */
  params: number[];
}

/** The gradient of one example's loss: by the output first, then layer by layer back. */
export function backward(network: Network, { x, label }: Example): Backward {
  const { units, activation, params } = network;
  const pass = forward(network, x);
  const logit = pass.prob - label;
  const a: number[] = [];
  const z: number[] = [];
  const gradient = new Array<number>(paramCount(units)).fill(0);
  for (let u = 0; u < units; u++) {
    const out = outputPlace(units, u);
    gradient[out] = logit * pass.a[u];
    a[u] = logit * params[out];
    z[u] = a[u] * FUNCTIONS[activation].slope(pass.z[u]);
    gradient[3 * u] = z[u] * x[0];
    gradient[3 * u + 1] = z[u] * x[1];
    gradient[3 * u + 2] = z[u];
  }
  gradient[outputPlace(units, units)] = logit;
  return { pass, loss: lossOf(pass.logit, label), logit, a, z, params: gradient };
}

export interface Batch {
  loss: number;
  accuracy: number;
  gradient: number[];
}

/** The mean loss and gradient over examples, and the share of them that is right. */
export function overAll(network: Network, examples: Example[]): Batch {
  const gradient = new Array<number>(paramCount(network.units)).fill(0);
  let loss = 0;
  let right = 0;
  for (const example of examples) {
    const one = backward(network, example);
    loss += one.loss / examples.length;
    right += Number(one.pass.logit > 0 === (example.label === 1));
    one.params.forEach((value, i) => (gradient[i] += value / examples.length));
  }
  return { loss, accuracy: right / examples.length, gradient };
}

/** Plain gradient descent: each weight goes against its gradient. */
export function stepped(params: number[], gradient: number[], rate: number): number[] {
  return params.map((value, i) => value - rate * gradient[i]);
}
