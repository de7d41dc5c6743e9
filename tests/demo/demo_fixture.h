// Calls a handler without a socket, and a market of a fixed day.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "scheduler/demo/quote_service.h"

namespace batuta::demo {

Time at(const char* iso);

http::Response call(const http::Handler& handler, http::Request request);

http::Request quotes_request(const std::string& tickers, const std::string& start,
                             const std::string& end, const std::string& token = {});

// Every page of a window, put together.
std::vector<nlohmann::json> walk(const http::Handler& handler, const std::string& tickers,
                                 const std::string& start, const std::string& end);

MarketOptions faulty_market();

http::Handler service_at(const char* now, MarketOptions market, std::size_t page_size);

}  // namespace batuta::demo
