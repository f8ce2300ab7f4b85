import {
  type AnyActorScope,
  type AnyStateMachine,
  createActor,
  type EventFromLogic,
  type InputFrom,
  type SnapshotFrom,
} from "xstate";

/** What a machine wants done: the name of an action, with plain data. */
export type StepAction = { readonly type: string; readonly params: unknown };

/** Surroundings of a machine that is never run: nothing in them remembers a step, so that one serves all of a kind. */
const scopes = new WeakMap<AnyStateMachine, AnyActorScope>();

/**
 * Lets a machine take one event, as XState's pure `transition` does, which makes and throws away an actor for every step:
 * two thirds of its time. Answers the same snapshot when nothing changes. Only for machines that invoke and spawn nothing.
 */
export function actorStep<Machine extends AnyStateMachine>(
  machine: Machine,
  snapshot: SnapshotFrom<Machine>,
  event: EventFromLogic<Machine>,
): [SnapshotFrom<Machine>, StepAction[]] {
  const actions: StepAction[] = [];
  const scope = scopeOf(machine);
  scope.actionExecutor = ({ type, params }) => void actions.push({ type, params });
  // Of the machine's own kind, which the erased type of a machine does not say.
  const next = (machine as AnyStateMachine).transition(snapshot, event, scope) as SnapshotFrom<Machine>;
  return [next, actions];
}

/** A machine's first snapshot for its input and what it wants done with it, as XState's `initialTransition` answers. */
export function actorStart<Machine extends AnyStateMachine>(
  machine: Machine,
  input: InputFrom<Machine>,
): [SnapshotFrom<Machine>, StepAction[]] {
  const actions: StepAction[] = [];
  const scope = scopeOf(machine);
  scope.actionExecutor = ({ type, params }) => void actions.push({ type, params });
  // Of the machine's own kind, which the erased type of a machine does not say.
  const snapshot = (machine as AnyStateMachine).getInitialSnapshot(scope, input) as SnapshotFrom<Machine>;
  return [snapshot, actions];
}

function scopeOf(machine: AnyStateMachine): AnyActorScope {
  let scope = scopes.get(machine);
  if (!scope) {
    const self = createActor(machine);
    const nothing = (): void => {};
    scope = {
      self,
      id: "",
      sessionId: "",
      system: self.system,
      logger: nothing,
      defer: nothing,
      emit: nothing,
      stopChild: nothing,
      actionExecutor: nothing,
    };
    scopes.set(machine, scope);
  }
  return scope;
}
