#include "cpi/contract/exec_client.hpp"

#include <doctest/doctest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "base/file.hpp"

using namespace slipway;
using namespace slipway::cpi;

namespace {

ExecCpi cpi_that(const std::string& how, CallObserver observer = {}) {
  ExecOptions options;
  options.command = {SLIPWAY_MISBEHAVING_CPI, how};
  options.director_uuid = "d-1";
  options.timeout = std::chrono::seconds{20};
  options.max_output_bytes = 256 * 1024;
  return ExecCpi(options, std::move(observer));
}

template <class Action>
CpiError error_of(Action&& action) {
  try {
    action();
  } catch (const CpiError& error) {
    return error;
  }
  FAIL("no CpiError was thrown");
  return CpiError(ErrorType::unknown, "");
}

CpiError delete_vm_error(const std::string& how) {
  return error_of([&] { cpi_that(how).delete_vm({"vm-1"}); });
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// A process that was killed may still be a zombie of somebody else for a moment.
bool is_running(const std::string& pid) {
  std::ifstream stat("/proc/" + pid + "/stat");
  std::string ignored, state;
  return (stat >> ignored >> ignored >> state) && state != "Z";
}

}  // namespace

TEST_CASE("a CPI that crashes while changing something leaves the outcome unknown") {
  for (const char* how : {"crash", "crash-silently", "rubbish", "two-documents", "list", "no-log", "log-is-a-number",
                          "error-is-a-string"}) {
    CAPTURE(how);
    const auto error = delete_vm_error(how);
    CHECK(error.type() == ErrorType::unknown);
    CHECK(error.fault() == Fault::outcome_unknown);
    CHECK_FALSE(error.ok_to_retry());
  }
}

TEST_CASE("a CPI that crashes while looking has only failed") {
  const auto error = error_of([] { cpi_that("crash").has_vm({"vm-1"}); });
  CHECK(error.fault() == Fault::internal);
  CHECK(contains(error.what(), "has_vm"));
  CHECK(contains(error.what(), "signal 9"));
}

TEST_CASE("the last words of a CPI that gave no answer reach the error") {
  CHECK(contains(delete_vm_error("complain-and-crash").what(), "no route to the cloud"));
  CHECK(contains(delete_vm_error("rubbish").what(), "Traceback: it hurts"));
  CHECK(contains(delete_vm_error("no-log").what(), "'log' is missing"));
}

TEST_CASE("a CPI that hangs is killed with its children at the time limit") {
  const TempDir dir;
  const auto pid_file = dir.path() / "pid";
  ExecOptions options;
  options.command = {SLIPWAY_MISBEHAVING_CPI, "hang:" + pid_file.string()};
  options.timeout = std::chrono::seconds{1};
  ExecCpi cpi(options);
  const auto error = error_of([&] { cpi.delete_vm({"vm-1"}); });
  CHECK(error.fault() == Fault::outcome_unknown);
  CHECK(contains(error.what(), "within 1 s"));
  CHECK_FALSE(is_running(read_file(pid_file)));
}

TEST_CASE("a call can be cancelled") {
  const TempDir dir;
  const auto pid_file = dir.path() / "pid";
  const auto cpi = cpi_that("hang:" + pid_file.string());
  auto cancelled = cpi.observed_by({.log = {}, .cancelled = [&] { return std::filesystem::exists(pid_file); }});
  CHECK(error_of([&] { cancelled.delete_vm({"vm-1"}); }).fault() == Fault::outcome_unknown);
  std::filesystem::remove(pid_file);
  CHECK(error_of([&] { cancelled.has_vm({"vm-1"}); }).fault() == Fault::cancelled);
}

TEST_CASE("a CPI that floods is killed and its output is not kept") {
  const auto error = delete_vm_error("flood");
  CHECK(error.fault() == Fault::outcome_unknown);
  CHECK(contains(error.what(), "more than 262144 bytes"));
}

TEST_CASE("a CPI that does not exist is an error in which nothing happened") {
  ExecOptions options;
  options.command = {"/nonexistent/cpi"};
  ExecCpi cpi(options);
  const auto error = error_of([&] { cpi.delete_vm({"vm-1"}); });
  CHECK(error.type() == ErrorType::cpi_error);
  CHECK(error.fault() == Fault::internal);
  CHECK(contains(error.what(), "/nonexistent/cpi"));
}

TEST_CASE("the exit status does not matter when there is an answer") {
  CHECK(cpi_that("exit-3-with-answer").has_vm({"vm-1"}));
}

TEST_CASE("each error class of the wire becomes a type and a fault") {
  CHECK(delete_vm_error("error:Bosh::Clouds::VMNotFound").fault() == Fault::not_found);
  CHECK(delete_vm_error("error:Bosh::Clouds::DiskNotFound").fault() == Fault::not_found);
  CHECK(delete_vm_error("error:Bosh::Clouds::NetworkNotFound").fault() == Fault::not_found);
  CHECK(delete_vm_error("error:Bosh::Clouds::DiskNotAttached").type() == ErrorType::disk_not_attached);
  CHECK(delete_vm_error("error:Bosh::Clouds::NoDiskSpace").fault() == Fault::exhausted);
  CHECK(delete_vm_error("error:Bosh::Clouds::NotSupported").type() == ErrorType::not_supported);
  CHECK(delete_vm_error("error:Bosh::Clouds::NotImplemented").type() == ErrorType::not_implemented);
  CHECK(delete_vm_error("error:Bosh::Clouds::CloudError").type() == ErrorType::cloud_error);
  CHECK(delete_vm_error("error:Bosh::Clouds::CpiError").type() == ErrorType::cpi_error);
}

TEST_CASE("ok_to_retry makes a failure retryable") {
  const auto error = delete_vm_error("retry:Bosh::Clouds::VMCreationFailed");
  CHECK(error.type() == ErrorType::vm_creation_failed);
  CHECK(error.ok_to_retry());
  CHECK(error.fault() == Fault::retryable);
  CHECK(delete_vm_error("error:Bosh::Clouds::VMCreationFailed").fault() == Fault::internal);
}

TEST_CASE("an error class nobody knows is named in the error") {
  const auto error = delete_vm_error("error:Vendor::Strange");
  CHECK(error.type() == ErrorType::unknown);
  CHECK(contains(error.what(), "Unknown CPI error 'Vendor::Strange' with message 'as asked' in 'delete_vm' CPI method"));
}

TEST_CASE("results of the wrong type are refused") {
  CHECK(error_of([] { cpi_that("result:7").has_disk({"d"}); }).fault() == Fault::internal);
  CHECK(error_of([] { cpi_that("result:\"\"").create_disk(1, Json::object(), {}); }).fault() == Fault::outcome_unknown);
  CHECK(error_of([] { cpi_that("result:[]").create_vm({}); }).fault() == Fault::outcome_unknown);
  CHECK(error_of([] { cpi_that("result:{}").attach_disk({"v"}, {"d"}); }).type() == ErrorType::unknown);
  CHECK(error_of([] { cpi_that("result:[1]").get_disks({"v"}); }).type() == ErrorType::unknown);
}

TEST_CASE("a device hint that is a bare string counts as path and as volume id") {
  CHECK(cpi_that("result:\"/dev/sdd\"").attach_disk({"v"}, {"d"}) ==
        Json{{"path", "/dev/sdd"}, {"volume_id", "/dev/sdd"}});
  CHECK(cpi_that("result:{\"id\":\"x\"}").attach_disk({"v"}, {"d"}) == Json{{"id", "x"}});
}

TEST_CASE("update_disk tells a replaced disk from the same one") {
  CHECK_FALSE(cpi_that("result:null").update_disk({"d"}, 1, Json::object()));
  CHECK_FALSE(cpi_that("result:\"d\"").update_disk({"d"}, 1, Json::object()));
  CHECK(cpi_that("result:\"e\"").update_disk({"d"}, 1, Json::object()) == DiskCid{"e"});
}

TEST_CASE("version 1 of the contract is refused") {
  for (const char* how : {"version-1", "no-version"}) {
    CAPTURE(how);
    CHECK(delete_vm_error(how).type() == ErrorType::not_supported);
  }
  CHECK(cpi_that("version-9").api_version() == 3);
  CHECK(cpi_that("echo").api_version() == 2);
  CHECK(delete_vm_error("silent-info").fault() == Fault::internal);
}

TEST_CASE("a request carries method, arguments, version and the merged context") {
  ExecOptions options;
  options.command = {SLIPWAY_MISBEHAVING_CPI, "echo"};
  options.director_uuid = "d-1";
  options.context = {{"region", "eu-1"}, {"vm", {{"stemcell", {{"api_version", 3}}}}}};
  const auto request = ExecCpi(options).attach_disk({"vm-1"}, {"disk-1"});
  CHECK(request["method"] == "attach_disk");
  CHECK(request["arguments"] == Json::array({"vm-1", "disk-1"}));
  CHECK(request["api_version"] == 2);
  CHECK(request["context"]["director_uuid"] == "d-1");
  CHECK(request["context"]["region"] == "eu-1");
  CHECK(request["context"]["vm"]["stemcell"]["api_version"] == 3);
  CHECK(request["context"]["request_id"].get<std::string>().rfind("cpi-", 0) == 0);
}

TEST_CASE("secrets of a request reach neither the log nor the error") {
  std::string log;
  auto cpi = cpi_that("leak").observed_by({.log = [&](const std::string& line) { log += line + "\n"; }, .cancelled = {}});
  CreateVm request;
  request.agent = {"a-1"};
  request.env = {{"bosh",
                  {{"password", "$6$salted"},
                   {"blobstores", {{{"provider", "dav"}, {"options", {{"user", "agent"}, {"password", "blob-pass"}}}}}},
                   {"mbus", {{"cert", {{"ca", "CA-TEXT"}, {"private_key", "-----BEGIN KEY-----\nc2VjcmV0a2V5\n-----END KEY-----\n"}}}}}}}};
  const auto error = error_of([&] { cpi.create_vm(request); });
  log += error.what();
  CHECK(contains(log, "create_vm"));
  CHECK(contains(log, "a-1"));
  for (const char* secret : {"$6$salted", "blob-pass", "c2VjcmV0a2V5", "CA-TEXT"}) {
    CAPTURE(secret);
    CHECK_FALSE(contains(log, secret));
  }
}
