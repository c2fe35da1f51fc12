export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: unknown): void;
}

/** A promise with its resolvers outside. */
export const deferred = <T = void>(): Deferred<T> => Promise.withResolvers<T>();
