#include "cpi/aws/api/aws_error.hpp"

#include <algorithm>
#include <array>

#include "cpi/aws/api/reply.hpp"

namespace slipway::cpi::aws {

namespace {

constexpr std::size_t longest_message = 1000;

struct Told {
  std::string code, message;
};

Told told_by_xml(const std::string& body) {
  const auto reply = Reply::parse(body);
  // EC2 says Response/Errors/Error, STS and the load balancers ErrorResponse/Error.
  const auto error = reply.at("Errors/Error").exists() ? reply.at("Errors/Error") : reply.at("Error");
  return {error.text("Code"), error.text("Message")};
}

Told told_by_json(const http::ClientResponse& response) {
  Told told;
  const auto json = response.json();
  const auto text = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (!json.is_object()) return told;
  told.message = text("Message").empty() ? text("message") : text("Message");
  told.code = text("__type").empty() ? text("Reason") : text("__type");
  if (const auto type = response.headers.find("x-amzn-ErrorType"); type != response.headers.end()) {
    told.code = type->second.substr(0, type->second.find(':'));
  }
  return told;
}

Told read(const http::ClientResponse& response) {
  try {
    return response.body.find_first_not_of(" \r\n\t") != std::string::npos &&
                   response.body[response.body.find_first_not_of(" \r\n\t")] == '{'
               ? told_by_json(response)
               : told_by_xml(response.body);
  } catch (const Error&) {
    return {};  // what cannot be read says nothing; the status remains
  }
}

Fault fault_of(int status, const std::string& code) {
  if (is_throttling(code) || status == 429) return Fault::retryable;
  for (const auto* prefix : {"AuthFailure", "InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken",
                             "RequestExpired", "UnrecognizedClient", "InvalidSignature"}) {
    if (code.starts_with(prefix)) return Fault::unauthenticated;
  }
  if (code.starts_with("UnauthorizedOperation") || code.starts_with("AccessDenied")) return Fault::forbidden;
  return status >= 500 ? Fault::outcome_unknown : Fault::internal;
}

// Only what can stand in one line of a log.
std::string one_line(std::string text) {
  if (text.size() > longest_message) text.resize(longest_message);
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < 0x20; }, ' ');
  return text;
}

}  // namespace

bool is_throttling(std::string_view code) {
  static constexpr std::array known{
      std::string_view("RequestLimitExceeded"),      std::string_view("Throttling"),
      std::string_view("ThrottlingException"),       std::string_view("ThrottledException"),
      std::string_view("EC2ThrottledException"),     std::string_view("RequestThrottled"),
      std::string_view("RequestThrottledException"), std::string_view("SlowDown"),
      std::string_view("PriorRequestNotComplete"),   std::string_view("TooManyRequestsException")};
  return std::find(known.begin(), known.end(), code) != known.end();
}

AwsError read_error(const http::ClientResponse& response, const std::string& what) {
  const auto told = read(response);
  auto message = what + ": ";
  message += told.code.empty() ? "HTTP status " + std::to_string(response.status) : one_line(told.code);
  if (!told.message.empty()) message += ": " + one_line(told.message);
  return AwsError(fault_of(response.status, told.code), response.status, told.code, message);
}

}  // namespace slipway::cpi::aws
