#include "cli/commands/commands.hpp"

namespace slipway::cli {

Manual Completion::manual() {
  return {"completion", {}, "", "Print a completion script for bash", {". <(pks completion)"}};
}

int Completion::run(const Words& words) {
  CommandLine(manual()).parse(words.size() == 1 && words.front() == "bash" ? Words{} : words);
  std::string names = "help";
  for (const auto& each : manuals) names += " " + each.name;
  terminal.out << "_pks() {\n"
                  "  local word=${COMP_WORDS[COMP_CWORD]}\n"
                  "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                  "    COMPREPLY=($(compgen -W '"
               << names
               << "' -- \"$word\"))\n"
                  "  elif [[ $word == -* ]]; then\n"
                  "    COMPREPLY=($(compgen -W \"$(pks \"${COMP_WORDS[1]}\" --help 2>/dev/null | grep -o -- "
                  "'--[a-z-]*')\" -- \"$word\"))\n"
                  "  fi\n"
                  "}\n"
                  "complete -o default -F _pks pks\n";
  return exit_ok;
}

}  // namespace slipway::cli
