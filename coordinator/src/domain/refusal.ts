/** Why a wish cannot be granted: a closed set that the API publishes (docs/api-errors.md). */
export type RefusalCode =
  | "not_found"
  | "name_taken"
  | "invalid_argument"
  | "unknown_egg"
  | "egg_built_in"
  | "egg_in_use"
  | "unknown_cluster"
  | "unknown_node"
  | "port_taken"
  | "resources_out_of_range"
  | "not_ha"
  | "not_running"
  | "not_stopped"
  | "no_install_script"
  | "no_input"
  | "no_terminal"
  | "suspended"
  | "same_node"
  | "data_stays_behind"
  | "migration_in_progress"
  | "not_cancellable"
  | "no_target"
  | "being_removed"
  | "not_in_maintenance"
  | "n_plus_one_lost"
  | "unsafe_policy"
  | "cluster_not_empty"
  | "not_awaiting_approval"
  | "node_not_dead"
  | "node_holds_containers"
  | "not_silent"
  | "lease_not_over"
  | "role_built_in"
  | "role_in_use"
  | "no_second_factor"
  | "rotation_in_progress"
  | "no_rotation"
  | "last_superadmin"
  | "no_account"
  | "etag_mismatch"
  | "quota_exceeded"
  | "busy"
  | "not_leader"
  | "database_unavailable";

/**
 * A wish that is refused before anything has changed. It names the thing and the reason (message), the request field
 * where one is at fault, and what the caller can do (nextStep). A domain failure, not a bug.
 */
export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly nextStep: string;
  readonly field: string;
  /** Milliseconds after which the same wish may be granted; 0 when it never will be without a change. */
  readonly retryAfterMs: number;

  constructor(
    code: RefusalCode,
    message: string,
    nextStep: string,
    detail: { field?: string; retryAfterMs?: number } = {},
  ) {
    super(message);
    this.name = "Refusal";
    this.code = code;
    this.nextStep = nextStep;
    this.field = detail.field ?? "";
    this.retryAfterMs = detail.retryAfterMs ?? 0;
  }
}
