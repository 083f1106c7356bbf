#include "cpi/contract/server.hpp"

#include <poll.h>
#include <unistd.h>

#include <iostream>
#include <iterator>
#include <sstream>
#include <thread>

#include "cpi/contract/methods.hpp"

namespace slipway::cpi {

namespace {

constexpr std::size_t max_request_bytes = 16u << 20;
constexpr int exit_ok = 0;
constexpr int exit_failed = 1;

Json failure(const std::string& type, const std::string& message, bool ok_to_retry = false) {
  return {{"result", nullptr},
          {"error", {{"type", type}, {"message", message}, {"ok_to_retry", ok_to_retry}}},
          {"log", ""}};
}

// At most one byte more than the limit is held, so that a flood is noticed, not stored.
std::string read_request(std::istream& in) {
  std::string text;
  char buffer[64 * 1024];
  while (text.size() <= max_request_bytes && (in.read(buffer, sizeof buffer) || in.gcount() > 0)) {
    text.append(buffer, static_cast<std::size_t>(in.gcount()));
  }
  return text;
}

Json answer(const std::string& text, const std::function<std::unique_ptr<Cpi>(const Json&)>& make_cpi) {
  Json request;
  try {
    request = parse_json(text, "request", {.max_bytes = max_request_bytes});
  } catch (const Error& error) {
    return failure("InvalidCall", std::string("Request cannot be deserialized, details: '") + error.what() + "'");
  }
  if (!request.is_object() || !request.contains("method") || !request["method"].is_string()) {
    return failure("InvalidCall", "Request should contain a method, a string");
  }
  if (!request.contains("arguments") || !request["arguments"].is_array()) {
    return failure("InvalidCall", "Arguments should be an array");
  }
  if (!request.contains("context") || !request["context"].is_object()) {
    return failure("InvalidCall", "Context should be an object");
  }
  const auto method = request["method"].get<std::string>();
  if (const auto version = request.find("api_version"); version != request.end() && !version->is_null()) {
    if (!version->is_number_integer() || version->get<std::int64_t>() < 2) {
      return failure(to_wire(ErrorType::not_supported), "API version " + version->dump() + " is not supported; use 2 or 3");
    }
  }
  try {
    const auto cpi = make_cpi(request["context"]);
    const auto key = request["context"].find("idempotency_key");
    const auto known_key = key != request["context"].end() && key->is_string() ? key->get<std::string>() : std::string();
    return {{"result", call_method(*cpi, method, request["arguments"], known_key)}, {"error", nullptr}, {"log", ""}};
  } catch (const InvalidCall& error) {
    return failure("InvalidCall", error.what());
  } catch (const CpiError& error) {
    return failure(to_wire(error.type()), error.what(), error.ok_to_retry());
  } catch (const Error& error) {
    return failure(to_wire(ErrorType::cpi_error), error.what(), error.fault() == Fault::retryable);
  } catch (const std::exception& error) {
    return failure("Unknown", error.what());
  } catch (...) {
    return failure("Unknown", "something that is no std::exception was thrown in " + method);
  }
}

void end_when_nobody_reads(int fd) {
  std::thread([fd] {
    pollfd watched{.fd = fd, .events = 0, .revents = 0};
    while (poll(&watched, 1, -1) < 0) {
    }
    if ((watched.revents & POLLERR) != 0) _exit(exit_failed);
  }).detach();
}

}  // namespace

int serve_one_call(std::istream& in, std::ostream& out,
                   const std::function<std::unique_ptr<Cpi>(const Json& context)>& make_cpi) {
  Json response;
  try {
    response = answer(read_request(in), make_cpi);
  } catch (const std::exception& error) {
    response = failure("Unknown", error.what());
  }
  out << dump(response) << "\n" << std::flush;
  return out.good() && response["error"].is_null() ? exit_ok : exit_failed;
}

int serve_stdio(const std::function<std::unique_ptr<Cpi>(const Json& context)>& make_cpi) {
  const int stdout_fd = dup(STDOUT_FILENO);
  if (stdout_fd < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) return exit_failed;
  end_when_nobody_reads(stdout_fd);
  std::ostringstream response;
  const int status = serve_one_call(std::cin, response, make_cpi);
  const auto text = response.str();
  std::size_t written = 0;
  while (written < text.size()) {
    const auto count = write(stdout_fd, text.data() + written, text.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return exit_failed;
    written += static_cast<std::size_t>(count);
  }
  return status;
}

}  // namespace slipway::cpi
