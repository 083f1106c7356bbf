// A CPI for the tests of ExecCpi: answers `info` as it should and everything else as its one
// argument says.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "base/json.hpp"

namespace {

using slipway::Json;

int answer(const Json& result, const Json& error = nullptr) {
  std::cout << Json{{"result", result}, {"error", error}, {"log", ""}}.dump() << std::flush;
  return 0;
}

int fail(const std::string& type, bool retry = false) {
  return answer(nullptr, {{"type", type}, {"message", "as asked"}, {"ok_to_retry", retry}});
}

int misbehave(const std::string& how, const Json& request) {
  if (how == "crash") raise(SIGKILL);
  if (how == "crash-silently") return 7;
  if (how == "complain-and-crash") {
    std::cerr << "no route to the cloud\n";
    return 7;
  }
  if (how.rfind("hang:", 0) == 0) {
    // A child of its own shares the pipes, and its pid is left for the test to look for.
    if (const pid_t child = fork(); child != 0) std::ofstream(how.substr(5)) << child << std::flush;
    for (;;) pause();
  }
  if (how == "rubbish") return std::cout << "Traceback: it hurts\n", 0;
  if (how == "two-documents") return answer("a"), answer("b");
  if (how == "list") return std::cout << "[]", 0;
  if (how == "no-log") return std::cout << R"({"result":"vm-1","error":null})", 0;
  if (how == "log-is-a-number") return std::cout << R"({"result":"vm-1","error":null,"log":1})", 0;
  if (how == "error-is-a-string") return std::cout << R"({"result":null,"error":"oh","log":""})", 0;
  if (how == "flood") {
    for (const std::string block(1 << 16, 'x'); std::cout.good();) std::cout << block;
    return 0;
  }
  if (how == "exit-3-with-answer") return answer(true), 3;
  if (how == "echo") return answer(request);
  if (how == "leak") {
    std::cerr << "debug: " << request.dump() << "\n" << request["arguments"][5]["bosh"]["mbus"]["cert"]["private_key"].get<std::string>();
    return answer(nullptr, {{"type", "Bosh::Clouds::CloudError"},
                            {"message", "bad password " + request["arguments"][5]["bosh"]["password"].get<std::string>()},
                            {"ok_to_retry", false}});
  }
  if (how.rfind("error:", 0) == 0) return fail(how.substr(6));
  if (how.rfind("retry:", 0) == 0) return fail(how.substr(6), true);
  if (how.rfind("result:", 0) == 0) return answer(Json::parse(how.substr(7)));
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string how = argc > 1 ? argv[1] : "";
  const Json request = Json::parse(std::string(std::istreambuf_iterator<char>(std::cin), {}));
  if (request.value("method", "") != "info") return misbehave(how, request);
  if (how == "version-1") return answer({{"api_version", 1}, {"stemcell_formats", Json::array()}});
  if (how == "no-version") return answer({{"stemcell_formats", Json::array()}});
  if (how == "version-9") return answer({{"api_version", 9}, {"stemcell_formats", Json::array({"x"})}});
  if (how == "silent-info") return 1;
  return answer({{"api_version", 2}, {"stemcell_formats", Json::array({"x"})}});
}
