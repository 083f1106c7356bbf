#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/json.hpp"

namespace slipway::test {

// A lab of this run's own: real libvirt, real nodes, the programs of this build. Everything in it
// is gone when the object is.
class Lab {
 public:
  // `name` tells labs of one checkout apart. What is left of an earlier run is taken away first. A command that takes
  // longer than `longest_step` is ended.
  explicit Lab(std::string name, std::chrono::minutes longest_step = std::chrono::minutes{15});
  ~Lab();
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  using Environment = std::map<std::string, std::string>;
  struct Outcome {
    int exit_code = 0;
    std::string out, err;
  };
  // A relative program is one of the checkout's.
  Outcome run(std::vector<std::string> argv, const Environment& environment = {});
  Outcome in_lab(std::vector<std::string> argv, const Environment& environment = {});
  // The standard output of what must succeed; fails the test with all output otherwise.
  std::string must(const std::vector<std::string>& argv, const Environment& environment = {});
  std::string must_in_lab(const std::vector<std::string>& argv, const Environment& environment = {});

  // test/lab/control-plane with these arguments; must succeed.
  void control_plane(const std::vector<std::string>& arguments);

  // The director's REST API.
  Json director(const std::string& target);
  // The task that the request makes, if it makes one, is followed to its end and must succeed.
  void director_task(const std::string& method, const std::string& target, const std::string& json_body = {});
  // The same with curl's own words.
  void director_task(const std::string& method, const std::string& target, const std::vector<std::string>& words);

  const std::filesystem::path& root() const { return root_; }
  const std::filesystem::path& state() const { return state_; }
  std::vector<std::string> domains();  // names libvirt knows, running or not

  // Containers, by their names: a program on one, as root; and what may befall one without anybody being told.
  static constexpr const char* containers = "lxc:///system";
  static constexpr const char* virtual_machines = "qemu:///system";
  std::string virsh(const std::vector<std::string>& arguments, const std::string& uri = containers);
  Outcome on_node(const std::string& cid, const std::vector<std::string>& argv);
  std::string must_on_node(const std::string& cid, const std::vector<std::string>& argv);
  void switch_off(const std::string& cid);
  void cut_network(const std::string& cid, const std::string& uri = containers);

  // Looks twice a second, for five minutes at most; fails the test then.
  void wait_until(const std::string& what, const std::function<bool()>& holds);

  // Takes the lab down and says whether anything is left of it.
  Outcome take_down();

 private:
  std::string name_;
  std::chrono::minutes longest_step_;
  std::filesystem::path root_, state_;
};

bool contains(const std::string& text, const std::string& part);
int occurrences(const std::string& text, const std::string& part);

// For messages: the words with spaces between them.
std::string join_words(const std::vector<std::string>& words);

}  // namespace slipway::test
