#include "cli/command.hpp"

#include <sstream>

namespace slipway::cli {

namespace po = boost::program_options;

CommandLine::CommandLine(Manual manual) : manual_(std::move(manual)) {
  known_.add_options()("help,h", "show this help");
}

void CommandLine::parse(const Words& words) {
  po::options_description all;
  all.add(known_).add_options()("argument", po::value<std::vector<std::string>>());
  auto& values = values_;
  try {
    using namespace po::command_line_style;
    po::store(po::command_line_parser(words)
                  .options(all)
                  .positional(po::positional_options_description().add("argument", -1))
                  .style(unix_style & ~allow_guessing)
                  .run(),
              values);
    if (values.count("help") != 0) {
      std::ostringstream text;
      text << help_of(manual_) << "\n" << known_;
      throw HelpWanted(text.str());
    }
    po::notify(values);
  } catch (const po::error& error) {
    throw UsageError(error.what());
  }
  if (values.count("argument") != 0) arguments_ = values["argument"].as<Words>();
  std::istringstream expected(manual_.arguments);
  std::size_t count = 0;
  for (std::string name; expected >> name; ++count) {
    if (arguments_.size() <= count) throw UsageError(name + " is missing");
  }
  if (arguments_.size() > count) throw UsageError("'" + arguments_[count] + "' is one argument too many");
}

std::string help_of(const Manual& manual) {
  std::string text = manual.summary + "\n\nUsage:\n  pks " + manual.name +
                     (manual.arguments.empty() ? "" : " " + manual.arguments) + " [flags]\n";
  if (!manual.aliases.empty()) {
    text += "\nAliases:\n ";
    for (const auto& alias : manual.aliases) text += " " + alias;
    text += "\n";
  }
  text += "\nExamples:\n";
  for (const auto& example : manual.examples) text += "  " + example + "\n";
  return text;
}

}  // namespace slipway::cli
