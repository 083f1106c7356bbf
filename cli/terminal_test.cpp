#include <doctest/doctest.h>

#include <sstream>

#include "cli/cluster_view.hpp"
#include "cli/command.hpp"
#include "cli/terminal.hpp"
#include "cli/wait.hpp"

namespace slipway::cli::terminal_test {

namespace {

bool says_yes(const std::string& input) {
  std::istringstream in(input);
  std::ostringstream out, err;
  Terminal terminal{in, out, err, false, [](const char*) { return std::optional<std::string>(); }};
  const bool yes = confirm(terminal, "Sure?");
  CHECK(out.str().empty());
  CHECK(err.str().find("Sure? (y/n): ") == 0);
  return yes;
}

Manual example() { return {"resize", {}, "CLUSTER-NAME", "Resize", {"pks resize demo"}}; }

}  // namespace

TEST_CASE("only y and yes are a yes") {
  for (const auto* yes : {"y\n", "Y\n", "yes\n", "YES"}) CHECK(says_yes(yes));
  for (const auto* no : {"", "\n", "n\n", "no\n", "yep\n", " y\n"}) CHECK_FALSE(says_yes(no));
}

TEST_CASE("a table's columns are as wide as their longest cell") {
  CHECK(table({"Name", "ID"}, {{"a-long-name", "1"}, {"ü", ""}}) ==
        "Name         ID\n"
        "a-long-name  1\n"
        "ü\n");
  CHECK(table({"Name"}, {}) == "Name\n");
}

TEST_CASE("control characters of a server do not reach the terminal") {
  CHECK(table({"N"}, {{"a\033[2Jb\n"}}) == "N\na?[2Jb\n");
  CHECK(block({{"A", "x\r"}, {"Long", "y"}}) == "A:     x?\nLong:  y\n");
}

TEST_CASE("elapsed time is short to read") {
  CHECK(elapsed_text(0) == "0s");
  CHECK(elapsed_text(65) == "1m05s");
  CHECK(elapsed_text(3725) == "1h02m");
}

TEST_CASE("a progress line has stage, count, step and what is next") {
  CHECK(progress_line({{"stage", "Updating instance"}, {"step", "etcd/0"}, {"done", 1}, {"total", 3},
                       {"next_stages", {"Cleaning"}}}) == "Updating instance (1/3): etcd/0; next: Cleaning");
  CHECK(progress_line({{"stage", ""}, {"last_action_description", "Creating cluster"}}) == "Creating cluster");
}

TEST_CASE("a cluster's block shows the labels scripts look for") {
  const auto text = cluster_block({{"name", "demo"}, {"kubernetes_master_ips", {"10.0.0.1", "10.0.0.2"}}});
  CHECK(text.find("Name:                     demo\n") != std::string::npos);
  CHECK(text.find("Kubernetes Master IP(s):  10.0.0.1, 10.0.0.2\n") != std::string::npos);
}

TEST_CASE("names that are no cluster names never get into a path") {
  CHECK(checked_cluster_name("demo-1") == "demo-1");
  for (const auto* name : {"", "..", "a/b", "A", "a b", "a%2f"}) CHECK_THROWS_AS(checked_cluster_name(name), UsageError);
}

TEST_CASE("a command line takes its flags in any order and says what is wrong") {
  int nodes = 0;
  const auto parsed = [&](const Words& words) {
    CommandLine line(example());
    line.flags()("num-nodes,n", boost::program_options::value(&nodes)->required(), "nodes");
    line.parse(words);
    return line.argument();
  };
  CHECK(parsed({"demo", "-n", "5"}) == "demo");
  CHECK(parsed({"--num-nodes=3", "demo"}) == "demo");
  CHECK(nodes == 3);
  CHECK_THROWS_AS(parsed({"-n", "5"}), UsageError);
  CHECK_THROWS_AS(parsed({"demo"}), UsageError);
  CHECK_THROWS_AS(parsed({"demo", "other", "-n", "5"}), UsageError);
  CHECK_THROWS_AS(parsed({"demo", "-n", "five"}), UsageError);
  CHECK_THROWS_AS(parsed({"demo", "--num", "5"}), UsageError);
  CommandLine two({"delete-sink", {}, "CLUSTER-NAME SINK-NAME", "", {}});
  two.parse({"demo", "audit"});
  CHECK(two.argument(1) == "audit");
  CHECK_THROWS_WITH_AS(CommandLine({"delete-sink", {}, "CLUSTER-NAME SINK-NAME", "", {}}).parse({"demo"}),
                       "SINK-NAME is missing", UsageError);
  CHECK_THROWS_AS(parsed({"-h"}), HelpWanted);
}

}  // namespace slipway::cli::terminal_test
