#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "test/e2e/lab.hpp"

namespace slipway::test {

using Row = std::map<std::string, std::string>;

// What a run of the command line said, with --json.
struct Said {
  int exit_code = 0;
  Json document;
  std::string raw;  // all of it, for messages

  // The rows of a table, columns by the command line's keys: "VM CID" is vm_cid.
  std::vector<Row> rows(std::size_t table = 0) const;
  // The rows whose column has this value.
  std::vector<Row> rows_with(const std::string& column, const std::string& value, std::size_t table = 0) const;
  // Lines and blocks, one after the other.
  std::string text() const;
  bool says(const std::string& part) const;
  // A line of a diff, without its indentation.
  bool added(const std::string& line) const;
  bool removed(const std::string& line) const;
  // The number of the last task it followed.
  int task() const;

 private:
  bool says_line(char mark, const std::string& line) const;
};

// One lab with a director for all test cases of the suite, which go through a deployment's life in
// the order of their files. The bosh command line in it is the stand-in of test/bosh-cli/wire, or
// the program that BOSH_CLI names.
class BoshLab : public Lab {
 public:
  // The lab that every case uses. Where it cannot be set up, each case fails at once.
  static BoshLab& get();

  Said bosh(const std::vector<std::string>& arguments, const Environment& more = {});
  Said must_bosh(const std::vector<std::string>& arguments, const Environment& more = {});  // exit status 0
  Said bosh_fails(const std::vector<std::string>& arguments, const Environment& more = {});  // exit status 1

  // With -d life.
  Said life(std::vector<std::string> arguments);
  Said must_life(std::vector<std::string> arguments);
  Said life_fails(std::vector<std::string> arguments);

  // Stemcells, release tarballs and what the cases write: seen alike in the lab and outside.
  std::filesystem::path files() const { return root() / "build/bosh-cli/files"; }
  std::filesystem::path write(const std::string& name, const std::string& content);
  std::string serve_files();  // address of an HTTP server for files(), started at the first call

  // A program's output on a node, by way of its container rather than of the agent.
  std::string file_on_node(const std::string& vm_cid, const std::string& path);

 private:
  BoshLab();
  std::string password_;
  bool serving_ = false;
};

// The deployment of the suite: GROUP server with disks and drain scripts, client that knows the
// servers by a link and has the errand smoke beside it, and checks, an errand with a VM of its own.
struct Life {
  int servers = 2;
  std::string greeting = "hello";
  std::string release = "1.0.0";
  int exit_code = 0;  // of the errand smoke

  std::string manifest() const;
};

// Deploys it with these options; the last manifest is what the next deploy compares with.
Said deploy(BoshLab& lab, const Life& life, std::vector<std::string> options = {});
// `bosh instances --details` and `bosh vms`, by group.
std::vector<Row> instances_of(BoshLab& lab, const std::string& group);
std::vector<std::string> column(const std::vector<Row>& rows, const std::string& name);

// An addon of the release `life` in this version, for its own deployment.
std::string runtime_config(const std::string& version, const std::string& mark);

}  // namespace slipway::test
