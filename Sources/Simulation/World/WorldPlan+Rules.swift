// The rules of a world's proxy. They leave what the peers exchange as it is, and add what both ends can check.

/// Which rules a world has.
struct RulePlan {
    /// Servers are told the method, by a rule of the frontend: `X-Rule-Method`.
    var tellsMethod = false
    /// Clients are told the target, which a variable keeps from request to response: `X-Rule-Target`.
    var tellsTarget = false
    /// Clients are told the status, by a rule of the backend: `X-Rule-Status`.
    var tellsStatus = false
    /// Servers are told of a body, under a condition that a named ACL and an anonymous one share: `X-Rule-Body`.
    var tellsBody = false
    /// A rule waits for bodies of requests: the proxy then asks for them, and a body that is too slow is refused.
    var waitsForBody = false
    /// The lines of defaults, of each frontend and of the backend.
    var defaults = "", frontend = "", backend = ""
}

extension WorldPlan {
    /// Dice of their own, so that a seed's clients and servers are the same with rules and without.
    mutating func planRules() {
        var dice = Dice(seed: seed, 6)
        guard dice.chance(1, of: 2) else { return }
        if dice.chance(1, of: 3) {
            rules.frontend += " tcp-request connection accept if { src 127.0.0.0/8 }\n tcp-request session accept\n"
        }
        if dice.chance(1, of: 3) {
            rules.frontend += " tcp-request inspect-delay \(dice.pick([1, 20, 200]))ms\n tcp-request content accept if "
            rules.frontend += dice.pick(["WAIT_END", "{ req.len gt \(dice.pick([0, 7, 600])) }"]) + "\n"
        }
        if isHTTP { planHTTPRules(&dice) }
        if logAddress != nil && dice.chance(1, of: 3) { rules.defaults += logFormat(&dice) }
    }

    private mutating func planHTTPRules(_ dice: inout Dice) {
        if dice.chance(1, of: 2) {
            rules.tellsMethod = true
            rules.frontend += " http-request set-header X-Rule-Method %[method]\n"
        }
        if dice.chance(1, of: 2) {
            rules.tellsTarget = true
            rules.frontend += " http-request set-var(txn.target) url\n"
            rules.backend += " http-response set-header X-Rule-Target %[var(txn.target)]\n"
        }
        if dice.chance(1, of: 2) {
            rules.tellsStatus = true
            rules.backend += " http-response add-header X-Rule-Status %[status,add(1)]\n"
        }
        if dice.chance(1, of: 2) {
            rules.tellsBody = true
            rules.backend += """
                 acl is_chunked req.hdr(transfer-encoding) -i chunked
                 http-request add-header X-Rule-Body yes if is_chunked or { req.hdr_val(content-length) gt 0 }

                """
        }
        if dice.chance(1, of: 4) {
            rules.waitsForBody = true
            rules.frontend += " http-request wait-for-body time \(dice.pick([1, 50]))ms\n"
        }
        if dice.chance(1, of: 3) {
            rules.frontend += " capture request header Host len 12\n capture response header X-Exchange len 6\n"
        }
        for number in 0..<dice.pick([0, 0, 3, 20]) {
            rules.frontend += " http-request deny if { path_beg /never/\(number)/ } { method PUT POST }\n"
        }
    }

    private func logFormat(_ dice: inout Dice) -> String {
        let request = isHTTP ? " %hr %hs %ST %{+Q}r %[var(txn.target)]" : ""
        let client = dice.pick(["%ci:%cp", "%[src]:%[src_port]"])
        return " log-format \"\(client) %ft %b/%s %Tw/%Tc/%Tt %B %ts\(request)\"\n"
    }

    /// The fields that a rule has added to a message, by the names that the rule gives them, in order.
    static func added(_ head: WireHead) -> [String] {
        head.fields.filter { $0.name.lowercased().hasPrefix("x-rule-") }.map { "\($0.name.lowercased()): \($0.value)" }
            .sorted()
    }

    /// What a server is to find in a request.
    func addedToRequest(_ exchange: Exchange) -> [String] {
        var lines: [String] = []
        if rules.tellsMethod { lines.append("x-rule-method: \(exchange.method)") }
        let body = exchange.requestBody
        if rules.tellsBody && (body.framing == .chunked || (body.framing == .length && body.count > 0)) {
            lines.append("x-rule-body: yes")
        }
        return lines.sorted()
    }

    /// What a client is to find in a response that a server sent.
    func addedToResponse(_ exchange: Exchange) -> [String] {
        var lines: [String] = []
        if rules.tellsTarget { lines.append("x-rule-target: \(exchange.target)") }
        if rules.tellsStatus { lines.append("x-rule-status: \(exchange.status + 1)") }
        return lines.sorted()
    }
}
