import { expect, test } from "vitest";
import { soundsSecret } from "./secret-name.ts";

test.each([
  "PASSWORD",
  "POSTGRES_PASSWORD",
  "RCON_PASS",
  "db_passwd",
  "STEAM_TOKEN",
  "CLIENT_SECRET",
  "API_KEY",
  "APIKEY2",
  "LICENSE_KEY",
  "DATABASE_URL",
  "SSH_PRIVATE_KEY",
  "AWS_CREDENTIALS",
])("%s sounds secret", (name) => expect(soundsSecret(name)).toBe(true));
test.each([
  "GREETING",
  "COMPASS",
  "MONKEY",
  "KEY_COUNT",
  "PASSENGERS",
  "KEYBOARD",
  "SERVER_PORT",
  "STARTUP",
  "BYPASS_MODE",
])("%s does not", (name) => expect(soundsSecret(name)).toBe(false));
