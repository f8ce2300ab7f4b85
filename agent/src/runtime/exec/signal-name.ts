/** A signal name that this platform knows; SIGTERM for an empty one. */
export function signalName(name: string): NodeJS.Signals {
  const full = name === "" ? "SIGTERM" : name.startsWith("SIG") ? name : `SIG${name}`;
  if (/^SIG(TERM|INT|QUIT|HUP|USR1|USR2|KILL|STOP|CONT|WINCH|ABRT|ALRM|PIPE)$/.test(full))
    return full as NodeJS.Signals;
  return "SIGTERM";
}
