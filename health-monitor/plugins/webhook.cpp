#include "health-monitor/plugins/webhook.hpp"

#include <set>

namespace slipway::health {

namespace {

class Webhook final : public Plugin {
 public:
  explicit Webhook(WebhookOptions options)
      : options_(std::move(options)), client_(client_config()), target_(target_of(options_.url)) {}
  std::string name() const override { return "webhook"; }

  void tell(const std::vector<Notice>& notices) override {
    for (const auto& notice : notices) {
      if (notice.severity > options_.least_severe || told_.contains(notice.id)) continue;
      send(notice);
      told_.insert(notice.id);
    }
    told_.clear();
  }

 private:
  // "https://host:port" of the URL.
  static std::size_t end_of_host(const std::string& url) {
    const auto scheme = url.find("://");
    if (scheme == std::string::npos) throw Error(Fault::invalid, "webhook: '" + url + "' is no URL");
    return std::min(url.find('/', scheme + 3), url.size());
  }
  static std::string target_of(const std::string& url) {
    const auto path = url.substr(end_of_host(url));
    return path.empty() ? "/" : path;
  }
  http::ClientConfig client_config() const {
    http::ClientConfig config;
    config.base_url = options_.url.substr(0, end_of_host(options_.url));
    config.ca_pem = options_.ca_pem;
    config.timeout = std::chrono::seconds{10};
    config.max_response_bytes = 1u << 20;
    return config;
  }

  void send(const Notice& notice) {
    http::ClientRequest request{.method = "POST", .target = target_, .body = dump(to_json(notice))};
    request.headers["Content-Type"] = "application/json";
    if (!options_.authorization.reveal().empty()) request.headers["Authorization"] = options_.authorization.reveal();
    const auto status = with_context("webhook", [&] { return client_.send(request); }).status;
    if (status >= 200 && status < 300) return;
    const bool hopeless = status >= 400 && status < 500 && status != 429;
    throw Error(hopeless ? Fault::invalid : Fault::retryable, "webhook: answered " + std::to_string(status));
  }

  WebhookOptions options_;
  http::Client client_;
  std::string target_;
  std::set<std::string> told_;  // of those that come again
};

}  // namespace

std::unique_ptr<Plugin> make_webhook(WebhookOptions options) { return std::make_unique<Webhook>(std::move(options)); }

}  // namespace slipway::health
