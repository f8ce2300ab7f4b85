import { Code } from "@connectrpc/connect";
import type { RefusalCode } from "../domain/refusal.ts";

/** Codes of the public plane itself, beside those of refused wishes. */
export type PlaneCode =
  | "unauthenticated"
  | "password_change_required"
  | "second_factor_required"
  | "permission_denied"
  | "cross_site"
  | "rate_limited"
  | "not_placed"
  | "node_unreachable"
  | "too_far_behind"
  | "watchers_full"
  | "body_too_large"
  | "unimplemented"
  | "cancelled"
  | "deadline_exceeded"
  | "audit_unavailable"
  | "request_id_reused"
  | "told_once"
  | "shutting_down"
  | "internal";

/** Every code that an ErrorDetail of a Connect or gRPC call can carry; docs/api-errors.md describes each. */
export type ErrorCode = RefusalCode | PlaneCode;

type Rule = {
  readonly code: Code;
  /** What to do, where the place that refuses says nothing better. */
  readonly nextStep: string;
  /** Milliseconds to wait before the same call may succeed; 0: it will not without a change. */
  readonly retryAfterMs: number;
};

const rule = (code: Code, nextStep: string, retryAfterMs = 0): Rule => ({ code, nextStep, retryAfterMs });

/** The published table: code → gRPC code, next step, retry. */
export const ERROR_CODES: Readonly<Record<ErrorCode, Rule>> = {
  not_found: rule(Code.NotFound, "List what there is and use one of those names or ids."),
  name_taken: rule(Code.AlreadyExists, "Choose another name."),
  invalid_argument: rule(Code.InvalidArgument, "Correct the named field and send the request again."),
  unknown_egg: rule(Code.NotFound, "List the eggs and use one of their ids."),
  egg_built_in: rule(Code.FailedPrecondition, "Leave it, or import yours under another id."),
  egg_in_use: rule(Code.FailedPrecondition, "Remove its containers first."),
  unknown_cluster: rule(Code.NotFound, "List the clusters and use one of their names."),
  unknown_node: rule(Code.NotFound, "List the nodes and use one of their names."),
  port_taken: rule(Code.FailedPrecondition, "Choose another host port, or leave it out to get a free one."),
  resources_out_of_range: rule(Code.InvalidArgument, "Ask for an amount within the range that the message names."),
  not_ha: rule(Code.FailedPrecondition, "Only HA containers move; make it one while it is stopped."),
  not_running: rule(Code.FailedPrecondition, "Start the container first."),
  not_stopped: rule(Code.FailedPrecondition, "Stop the container first."),
  no_install_script: rule(Code.FailedPrecondition, "Put the files into its volume yourself."),
  no_input: rule(Code.FailedPrecondition, "Restart the container, or update its node's agent, as the message says."),
  no_terminal: rule(Code.FailedPrecondition, "Create it anew with a terminal, or restart it, as the message says."),
  suspended: rule(Code.FailedPrecondition, "Ask whoever runs the fleet to lift the suspension."),
  same_node: rule(Code.FailedPrecondition, "Name another node, or none to have one chosen."),
  data_stays_behind: rule(Code.FailedPrecondition, "Use a shared volume, or set allow_data_loss."),
  migration_in_progress: rule(Code.FailedPrecondition, "Wait until the migration has ended, or cancel it.", 2_000),
  not_cancellable: rule(
    Code.FailedPrecondition,
    "Wait until the migration has ended, then migrate the container back.",
  ),
  no_target: rule(Code.ResourceExhausted, "Free room on a node, or add one, then try again.", 5_000),
  being_removed: rule(Code.FailedPrecondition, "The container is on its way out; create another one."),
  not_in_maintenance: rule(
    Code.FailedPrecondition,
    "Look at the node's duty; uncordon it if it is cordoned or drained.",
  ),
  n_plus_one_lost: rule(
    Code.FailedPrecondition,
    "Add or free room, or let the cluster's N+1 policy warn instead of refuse.",
  ),
  unsafe_policy: rule(Code.InvalidArgument, "Choose a longer lease or a shorter interval, or one of the profiles."),
  cluster_not_empty: rule(Code.FailedPrecondition, "Take its nodes out first."),
  not_awaiting_approval: rule(Code.FailedPrecondition, "List the nodes that await approval."),
  node_not_dead: rule(
    Code.FailedPrecondition,
    "Drain it and stop its agent, or revoke it, then wait until it is dead.",
  ),
  node_holds_containers: rule(Code.FailedPrecondition, "Migrate or delete the containers that are placed on it."),
  not_silent: rule(Code.FailedPrecondition, "Name only nodes that are silent."),
  lease_not_over: rule(Code.FailedPrecondition, "Wait until the lease is over, then try again.", 1_000),
  role_built_in: rule(Code.FailedPrecondition, "Make a role of your own that includes it."),
  role_in_use: rule(Code.FailedPrecondition, "Take it away from those who hold it first."),
  no_second_factor: rule(
    Code.FailedPrecondition,
    "Set up a second factor of your own first, or let somebody do it who has one.",
  ),
  rotation_in_progress: rule(Code.FailedPrecondition, "Wait until the rotation has ended: lormas ca show."),
  no_rotation: rule(Code.FailedPrecondition, "Begin one first: lormas ca rotate."),
  no_account: rule(Code.FailedPrecondition, "Sign in as a person: a token has no account of its own."),
  last_superadmin: rule(Code.FailedPrecondition, "Make somebody else a superadmin first."),
  quota_exceeded: rule(Code.ResourceExhausted, "Ask for less, or ask who may set quotas."),
  etag_mismatch: rule(Code.Aborted, "Look at it again, and send the change with its etag."),
  busy: rule(Code.Unavailable, "Try again.", 1_000),
  not_leader: rule(Code.Unavailable, "Try again; another coordinator is taking over.", 1_000),
  database_unavailable: rule(Code.Unavailable, "Try again; nothing has been changed.", 2_000),
  unauthenticated: rule(Code.Unauthenticated, "Sign in, or send the header Authorization: Bearer <token>."),
  password_change_required: rule(Code.PermissionDenied, "Change the password at the dashboard, then call again."),
  second_factor_required: rule(
    Code.PermissionDenied,
    "Set up a second factor at the dashboard, or with lormas auth two-factor on, then call again.",
  ),
  permission_denied: rule(Code.PermissionDenied, "Use an account that may do this."),
  cross_site: rule(Code.PermissionDenied, "Call from the dashboard's own pages, or with a bearer token."),
  rate_limited: rule(Code.ResourceExhausted, "Wait, then try again.", 60_000),
  not_placed: rule(Code.FailedPrecondition, "Start the container and wait until it is placed on a node."),
  node_unreachable: rule(Code.Unavailable, "Try again once the node is healthy.", 2_000),
  too_far_behind: rule(Code.OutOfRange, "List again, then watch from the as_of of that answer."),
  watchers_full: rule(Code.ResourceExhausted, "End watches that nobody reads, then try again.", 5_000),
  body_too_large: rule(Code.ResourceExhausted, "Send a smaller message."),
  unimplemented: rule(Code.Unimplemented, "Use a method that this version serves; reflection lists them."),
  cancelled: rule(Code.Canceled, "The caller ended the call; nothing is to be done."),
  deadline_exceeded: rule(Code.DeadlineExceeded, "Look whether it took effect, then try again.", 1_000),
  request_id_reused: rule(Code.InvalidArgument, "Give every new request a request_id of its own (a random UUID)."),
  told_once: rule(
    Code.AlreadyExists,
    "Revoke the token and make another under another request_id (a join token ends by itself); of an account, reset the password.",
  ),
  audit_unavailable: rule(Code.Unavailable, "Try again; nothing has been changed.", 2_000),
  shutting_down: rule(Code.Unavailable, "Connect again; the coordinator is stopping or starting anew.", 1_000),
  internal: rule(Code.Internal, "Look for the request id in the coordinator's log and report it."),
};
