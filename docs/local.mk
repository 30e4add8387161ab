dist_doc_DATA += docs/exchange.md
