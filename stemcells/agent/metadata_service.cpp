#include "stemcells/agent/metadata_service.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <thread>

#include "base/error.hpp"

namespace slipway::agent {

namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
using Verb = beast::http::verb;

constexpr std::chrono::seconds try_limit{5};
constexpr std::chrono::milliseconds pause{200};
constexpr std::size_t largest_document = 1u << 20;
constexpr std::size_t largest_token = 1024;
// As long as one question lasts, and some.
constexpr const char* token_seconds = "60";

net::ip::tcp::endpoint endpoint_of(const std::string& uri) {
  const auto refuse = [&] { return Error(Fault::invalid, "URI '" + uri + "' is not http://ADDRESS[:PORT]"); };
  constexpr std::string_view scheme = "http://";
  if (!uri.starts_with(scheme)) throw refuse();
  std::string host = uri.substr(scheme.size());
  unsigned long port = 80;
  const auto colon = host.rfind(':');
  if (colon != std::string::npos && host.find(']', colon) == std::string::npos) {
    const std::string digits = host.substr(colon + 1);
    const bool fine = !digits.empty() && digits.size() <= 5 &&
                      std::all_of(digits.begin(), digits.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    port = fine ? std::stoul(digits) : 0;
    if (port < 1 || port > 65535) throw refuse();
    host.resize(colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  boost::system::error_code failed;
  const auto address = net::ip::make_address(host, failed);
  if (failed) throw refuse();
  return {address, static_cast<unsigned short>(port)};
}

// It becomes a header's value.
bool is_visible(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

// One question and its answer, on a connection of its own and within one limit for all of it.
class Exchange {
 public:
  Exchange(const MetadataService& service, Verb verb, const std::string& path)
      : endpoint_(endpoint_of(service.uri)), request_(verb, path, 11), place_(service.uri + path) {
    if (!path.starts_with('/') || !is_visible(path)) {
      throw Error(Fault::invalid,
                  "the path '" + path + "' to ask " + service.uri + " for does not begin with '/' or has spaces");
    }
    request_.set(beast::http::field::host, service.uri.substr(service.uri.rfind('/') + 1));
    request_.set(beast::http::field::connection, "close");
    for (const auto& [name, value] : service.headers) set(name, value);
    if (verb == Verb::put) request_.set(beast::http::field::content_length, "0");
  }

  void set(const std::string& name, const std::string& value) {
    const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
    if (name.empty() || !is_visible(name) || name.find(':') != std::string::npos ||
        !std::all_of(value.begin(), value.end(), printable)) {
      throw Error(Fault::invalid, "the header '" + name + "' for " + place_ + " cannot be sent");
    }
    request_.set(name, value);
  }

  std::string answer(std::size_t largest) {
    beast::http::response_parser<beast::http::string_body> parser;
    parser.body_limit(largest);
    try {
      beast::tcp_stream stream(io_);
      stream.expires_after(try_limit);
      finish(stream.async_connect(endpoint_, net::use_future));
      finish(beast::http::async_write(stream, request_, net::use_future));
      beast::flat_buffer buffer;
      // The header by itself: Beast 1.74 forgets that a length is beyond the limit when it reads on at once.
      finish(beast::http::async_read_header(stream, buffer, parser, net::use_future));
      finish(beast::http::async_read(stream, buffer, parser, net::use_future));
    } catch (const boost::system::system_error& error) {
      const bool nonsense =
          error.code().category() == beast::http::make_error_code(beast::http::error::bad_version).category();
      const bool cut_off =
          error.code() == beast::http::error::end_of_stream || error.code() == beast::http::error::partial_message;
      throw Error(nonsense && !cut_off ? Fault::invalid : Fault::retryable, place_ + ": " + error.code().message());
    }
    check(parser.get().result_int());
    return std::move(parser.get().body());
  }

 private:
  template <typename Future>
  void finish(Future future) {
    io_.restart();
    io_.run();
    future.get();
  }

  void check(unsigned status) const {
    if (status == 200) return;
    const std::string what = place_ + ": HTTP status " + std::to_string(status);
    if (status >= 500 || status == 429) throw Error(Fault::retryable, what);
    if (status == 401 || status == 403) throw Error(Fault::forbidden, what);
    throw Error(status == 404 ? Fault::not_found : Fault::invalid, what);
  }

  net::io_context io_{1};
  net::ip::tcp::endpoint endpoint_;
  beast::http::request<beast::http::empty_body> request_;
  std::string place_;
};

std::string ask_once(const MetadataService& service, const std::string& path) {
  Exchange question(service, Verb::get, path);
  if (!service.token_path.empty()) {
    Exchange first(service, Verb::put, service.token_path);
    first.set("X-aws-ec2-metadata-token-ttl-seconds", token_seconds);
    const std::string token = first.answer(largest_token);
    if (token.empty() || !is_visible(token)) {
      throw Error(Fault::invalid, service.uri + service.token_path + ": the answer is no token");
    }
    question.set("X-aws-ec2-metadata-token", token);
  }
  return question.answer(largest_document);
}

}  // namespace

std::string read_metadata(const MetadataService& service, const std::string& path, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    try {
      return ask_once(service, path);
    } catch (const Error& error) {
      if (error.fault() != Fault::retryable || std::chrono::steady_clock::now() + pause > deadline) throw;
    }
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace slipway::agent
