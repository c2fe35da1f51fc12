import * as v from 'valibot';
import { text } from './schema.ts';

/** definitions/AuthConfig with the identity and registry tokens that clients send in X-Registry-Auth. */
export const AuthSchema = v.object({
  username: text,
  password: text,
  auth: text,
  email: text,
  serveraddress: text,
  identitytoken: text,
  registrytoken: text,
});
export type Auth = v.InferOutput<typeof AuthSchema>;
