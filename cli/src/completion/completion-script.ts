/** The shells that there is a script for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/**
 * The script that makes a shell complete `lormas`. It knows no command itself: it asks `lormas __complete`, so that it
 * never goes stale. That prints a value a line, a description behind a tab, then ":files", ":dirs" or ":done".
 */
export function completionScript(shell: Shell): string {
  return SCRIPTS[shell];
}

const BASH = `# bash completion for lormas.   source <(lormas completion bash)
_lormas() {
  local word line directive="" current="" glue=0
  local -a words=()
  # bash splits at = and :, which belong to the words here.
  for word in "\${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
    if ((\${#words[@]} > 0)) && { ((glue)) || [[ $word == [=:]* && -n \${words[-1]} ]]; }; then
      words[-1]+=$word
    else
      words+=("$word")
    fi
    glue=0
    [[ $word == *[=:] ]] && glue=1
  done
  # After "--flag=" or "a:" and a space the next word is one of its own.
  if [[ -z \${COMP_WORDS[COMP_CWORD]} && \${COMP_LINE:0:COMP_POINT} == *[[:space:]] && -n \${words[-1]} ]]; then
    words+=("")
  fi
  current=\${words[-1]}
  local typed=\${COMP_WORDS[COMP_CWORD]}
  [[ $typed == [=:] ]] && typed=""
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :* ]]; then directive=$line; continue; fi
    line=\${line%%$'\\t'*}
    # bash replaces only what stands behind the last = or :.
    COMPREPLY+=("\${line#"\${current%"$typed"}"}")
  done < <("\${words[0]/#\\~/$HOME}" __complete -- "\${words[@]:1}" 2>/dev/null)
  case $directive in
    :files) compopt -o filenames; while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$typed") ;;
    :dirs) compopt -o filenames; while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -d -- "$typed") ;;
  esac
}
complete -F _lormas lormas
`;

const ZSH = `#compdef lormas
# zsh completion for lormas.   source <(lormas completion zsh), or a file _lormas in a folder of $fpath
_lormas() {
  local line directive=""
  local -a values
  while IFS= read -r line; do
    if [[ $line == :* ]]; then
      directive=$line
    elif [[ $line == *$'\\t'* ]]; then
      values+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
    else
      values+=("\${line//:/\\\\:}")
    fi
  done < <("\${(Q)\${words[1]/#\\~/$HOME}}" __complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)
  case $directive in
    :files) compset -P '--*='; _files ;;
    :dirs) compset -P '--*='; _files -/ ;;
    *) (( $#values )) && _describe -V lormas values ;;
  esac
}
if [[ $funcstack[1] == _lormas ]]; then
  _lormas "$@"
else
  compdef _lormas lormas
fi
`;

const FISH = `# fish completion for lormas.   lormas completion fish | source
function __lormas_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program (string replace -r '^~' $HOME -- $words[1])
    for line in ($program __complete -- $words[2..-1] $current 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path (string replace -r '^--[^=]*=' '' -- $current)
            case :dirs
                __fish_complete_directories (string replace -r '^--[^=]*=' '' -- $current) ''
            case ':*'
            case '*'
                echo $line
        end
    end
end
complete -c lormas -f -a '(__lormas_complete)'
`;

const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
