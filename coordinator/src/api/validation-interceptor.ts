import type { DescMessage, Message } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator, type Validator, type Violation } from "@bufbuild/protovalidate";
import type { Interceptor } from "@connectrpc/connect";
import { apiError } from "./api-error.ts";

/** Violations named in one message; the first decides the field. */
const VIOLATIONS_SHOWN = 5;

/** Refuses a message that breaks a rule of its proto before anything else looks at it: invalid_argument, field named. */
export function validationInterceptor(validator: Validator = createValidator()): Interceptor {
  return (next) => (request) => {
    if (!request.stream) {
      check(validator, request.method.input, request.message);
      return next(request);
    }
    return next({ ...request, message: checked(validator, request.method.input, request.message) });
  };
}

async function* checked<T extends Message>(
  validator: Validator,
  schema: DescMessage,
  messages: AsyncIterable<T>,
): AsyncIterable<T> {
  for await (const message of messages) {
    check(validator, schema, message);
    yield message;
  }
}

/** The rule of names as the protos write it, and as people read it. */
const NAME_PATTERN = "[a-z0-9][a-z0-9-]{0,61}[a-z0-9]";
const NAME_RULE = "use 2 to 63 lower-case letters, digits and hyphens, no hyphen at either end";

function check(validator: Validator, schema: DescMessage, message: Message): void {
  const result = validator.validate(schema, message);
  if (result.kind === "valid") return;
  // A rule that cannot be evaluated is a bug in the proto, not the caller's fault.
  if (result.kind === "error") throw result.error;
  const [first] = result.violations;
  const field = first === undefined ? "" : pathToString(first.field);
  const shown = result.violations.slice(0, VIOLATIONS_SHOWN).map(sentence).join("; ");
  const more = result.violations.length - VIOLATIONS_SHOWN;
  throw apiError("invalid_argument", more > 0 ? `${shown}; and ${more} more` : shown, {
    field,
    cause: result.error,
    ...(field === "" ? {} : { nextStep: `Correct ${field} and send the request again.` }),
  });
}

function sentence(violation: Violation): string {
  const field = pathToString(violation.field);
  const message = violation.message.includes(NAME_PATTERN) ? NAME_RULE : violation.message;
  return field === "" ? message : `${field}: ${message}`;
}
