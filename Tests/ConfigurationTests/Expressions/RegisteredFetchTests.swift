import Testing

@testable import Configuration

/// Rows of `haproxy -dKsmp` (2.6.12), for the fetches that are here.
@Suite("7.3 registered fetches")
struct RegisteredFetchTests {
    @Test("every fetch may be used where HAProxy's may, with the same arguments and the same type")
    func rows() {
        let listed = KeywordListing.text("smp").split(separator: "\n").map(String.init).filter { $0.hasPrefix("[") }
        let expected = Self.expected.split(separator: "\n").map(Self.row)
        #expect(Set(listed).subtracting(expected) == [])
        #expect(Set(expected).subtracting(listed) == [])
        #expect(listed == expected, "in the same order")
    }

    @Test("the header names the places, as HAProxy's does")
    func header() {
        let lines = KeywordListing.text("smp").split(separator: "\n").prefix(25)
        #expect(lines[0] == "# List of registered sample fetch functions:")
        #expect(lines[1] == "#                       _.---------------------- frontend tcp-request connection rule")
        #expect(lines[22] == "#  / / / / / / / / / / / / / / / / / / / / / _.- CLI parser")
        #expect(lines[23] == "# / / / / / / / / / / / / / / / / / / / / / /  ")
    }

    @Test("names of ACLs stand for the same fetches and methods")
    func acls() {
        let listed = KeywordListing.text("acl").split(separator: "\n").map(String.init)
        #expect(listed.first == "# List of registered ACL keywords:")
        #expect(Array(listed.dropFirst()) == Self.acls.split(separator: "\n").map(String.init))
    }

    private static let acls = """
        base = base -m str
        base_beg = base -m beg
        base_dir = base -m dir
        base_dom = base -m dom
        base_end = base -m end
        base_len = base -m len
        base_reg = base -m reg
        base_sub = base -m sub
        cook = req.cook -m str
        cook_beg = req.cook -m beg
        cook_dir = req.cook -m dir
        cook_dom = req.cook -m dom
        cook_end = req.cook -m end
        cook_len = req.cook -m len
        cook_reg = req.cook -m reg
        cook_sub = req.cook -m sub
        hdr = req.hdr -m str
        hdr_beg = req.hdr -m beg
        hdr_dir = req.hdr -m dir
        hdr_dom = req.hdr -m dom
        hdr_end = req.hdr -m end
        hdr_len = req.hdr -m len
        hdr_reg = req.hdr -m reg
        hdr_sub = req.hdr -m sub
        http_auth_group = http_auth_group -m str
        method = method -m str
        path = path -m str
        path_beg = path -m beg
        path_dir = path -m dir
        path_dom = path -m dom
        path_end = path -m end
        path_len = path -m len
        path_reg = path -m reg
        path_sub = path -m sub
        payload = req.payload -m bin
        payload_lv = req.payload_lv -m bin
        req.ssl_ver = req.ssl_ver -m int
        req_rdp_cookie = req.rdp_cookie -m str
        req_rdp_cookie_cnt = req.rdp_cookie_cnt -m int
        req_ssl_sni = req.ssl_sni -m str
        req_ssl_ver = req.ssl_ver -m int
        req_ver = req.ver -m str
        resp_ver = res.ver -m str
        scook = res.cook -m str
        scook_beg = res.cook -m beg
        scook_dir = res.cook -m dir
        scook_dom = res.cook -m dom
        scook_end = res.cook -m end
        scook_len = res.cook -m len
        scook_reg = res.cook -m reg
        scook_sub = res.cook -m sub
        shdr = res.hdr -m str
        shdr_beg = res.hdr -m beg
        shdr_dir = res.hdr -m dir
        shdr_dom = res.hdr -m dom
        shdr_end = res.hdr -m end
        shdr_len = res.hdr -m len
        shdr_reg = res.hdr -m reg
        shdr_sub = res.hdr -m sub
        url = url -m str
        url_beg = url -m beg
        url_dir = url -m dir
        url_dom = url -m dom
        url_end = url -m end
        url_len = url -m len
        url_reg = url -m reg
        url_sub = url -m sub
        urlp = urlp -m str
        urlp_beg = urlp -m beg
        urlp_dir = urlp -m dir
        urlp_dom = urlp -m dom
        urlp_end = urlp -m end
        urlp_len = urlp -m len
        urlp_reg = urlp -m reg
        urlp_sub = urlp -m sub
        """

    /// `YY..|name: type` as the listing has it.
    private static func row(_ text: Substring) -> String {
        let parts = text.split(separator: "|", maxSplits: 1)
        return "[ " + parts[0].map { "\($0) " }.joined() + "] " + parts[1]
    }

    private static let expected = """
        YYYYYYYYYYYYYYYYYYYYYY|always_false: bool
        YYYYYYYYYYYYYYYYYYYYYY|always_true: bool
        YYYYYYYYYYYYYYYYYYYY.Y|avg_queue(backend): sint
        ..YYYYYYYYY...........|base: str
        ..YYYYYYYYY...........|base32: sint
        ..YYYYYYYYY...........|base32+src: bin
        ..YYYYYYYYY...........|baseq: str
        ...........YYYYYYYYY..|bc_dst: sint
        ...........YYYYYYYYY..|bc_dst_port: sint
        ...........YYYYYYYYY..|bc_err: sint
        ...........YYYYYYYYY..|bc_err_str: str
        ...........YYYYYYYYY..|bc_http_major: sint
        ...........YYYYYYYYY..|bc_src: sint
        ...........YYYYYYYYY..|bc_src_port: sint
        YYYYYYYYYYYYYYYYYYYY.Y|be_conn(backend): sint
        YYYYYYYYYYYYYYYYYYYY.Y|be_conn_free(backend): sint
        ......YYYYYYYYYYYYYY..|be_id: sint
        ......YYYYYYYYYYYYYY..|be_name: str
        ......YYYYYYYYYYYYYY..|be_server_timeout: sint
        YYYYYYYYYYYYYYYYYYYY.Y|be_sess_rate(backend): sint
        ......YYYYYYYYYYYYYY..|be_tunnel_timeout: sint
        YYYYYYYYYYYYYYYYYYYYYY|bin(string): bin
        YYYYYYYYYYYYYYYYYYYYYY|bool(string): bool
        ..YYYYYYYYYYYYYYYYY...|capture.req.hdr(integer): str
        ..YYYYYYYYYYYYYYYYY...|capture.req.method: str
        ..YYYYYYYYYYYYYYYYY...|capture.req.uri: str
        ..YYYYYYYYYYYYYYYYY...|capture.req.ver: str
        ...........YYYYYYYYY..|capture.res.hdr(integer): str
        ..YYYYYYYYYYYYYYYYY...|capture.res.ver: str
        YYYYYYYYYYYYYYYYYYYY.Y|connslots(backend): sint
        ..YYYYYYYYY...........|cook([string]): str
        ..YYYYYYYYY...........|cook_cnt([string]): sint
        ..YYYYYYYYY...........|cook_val([string]): sint
        ..YYYYYYYYYYYYYYYY.Y..|cookie([string]): str
        ......YYYYYYYYYYYYYY..|cur_server_timeout: sint
        ......YYYYYYYYYYYYYY..|cur_tunnel_timeout: sint
        YYYYYYYYYYYYYYYYYYYYYY|date([integer,string]): sint
        YYYYYYYYYYYYYYYYYYYYYY|date_us: sint
        ..YYYYYYYYYYYYYYYY.Y..|distcc_body(string[,integer]): bin
        ..YYYYYYYYYYYYYYYY.Y..|distcc_param(string[,integer]): sint
        YYYYYYYYYYYYYYYYYYYY..|dst: ipv4
        YYYYYYYYYYYYYYYYYYY...|dst_conn: sint
        YYYYYYYYYYYYYYYYYYYY..|dst_is_local: bool
        YYYYYYYYYYYYYYYYYYYY..|dst_port: sint
        YYYYYYYYYYYYYYYYYYYYYY|env(string): str
        YYYYYYYYYYYYYYYYYYYY..|fc_dst: ipv4
        YYYYYYYYYYYYYYYYYYYY..|fc_dst_is_local: bool
        YYYYYYYYYYYYYYYYYYYY..|fc_dst_port: sint
        YYYYYYYYYYYYYYYYYYYY..|fc_err: sint
        YYYYYYYYYYYYYYYYYYYY..|fc_err_str: str
        YYYYYYYYYYYYYYYYYYYY..|fc_fackets([string]): sint
        YYYYYYYYYYYYYYYYYYYY..|fc_http_major: sint
        YYYYYYYYYYYYYYYYYYYY..|fc_lost([string]): sint
        YYYYYYYYYYYYYYYYYYYY..|fc_rcvd_proxy: bool
        YYYYYYYYYYYYYYYYYYYY..|fc_reordering([string]): sint
        YYYYYYYYYYYYYYYYYYYY..|fc_retrans([string]): sint
        YYYYYYYYYYYYYYYYYYYY..|fc_rtt([string]): sint
        YYYYYYYYYYYYYYYYYYYY..|fc_rttvar([string]): sint
        YYYYYYYYYYYYYYYYYYYY..|fc_sacked([string]): sint
        YYYYYYYYYYYYYYYYYYYY..|fc_src: ipv4
        YYYYYYYYYYYYYYYYYYYY..|fc_src_is_local: bool
        YYYYYYYYYYYYYYYYYYYY..|fc_src_port: sint
        YYYYYYYYYYYYYYYYYYYY..|fc_unacked([string]): sint
        YYYYYYYYYYYYYYYYYYY...|fe_client_timeout: sint
        YYYYYYYYYYYYYYYYYYYY.Y|fe_conn(frontend): sint
        YYYYYYYYYYYYYYYYYYY...|fe_defbe: str
        YYYYYYYYYYYYYYYYYYY...|fe_id: sint
        YYYYYYYYYYYYYYYYYYY...|fe_name: str
        YYYYYYYYYYYYYYYYYYYY.Y|fe_req_rate(frontend): sint
        YYYYYYYYYYYYYYYYYYYY.Y|fe_sess_rate(frontend): sint
        ..YYYYYYYYYYYYYYYY.Y..|hdr([string,integer]): str
        ..YYYYYYYYY...........|hdr_cnt([string]): sint
        ..YYYYYYYYY...........|hdr_ip([string,integer]): ipv4
        ..YYYYYYYYY...........|hdr_val([string,integer]): sint
        YYYYYYYYYYYYYYYYYYYYYY|hostname: str
        ..YYYYYYYYY...........|http_auth(user list): bool
        ..YYYYYYYYY...........|http_auth_bearer([string]): str
        ..YYYYYYYYY...........|http_auth_group(user list): str
        ..YYYYYYYYY...........|http_auth_pass: str
        ..YYYYYYYYY...........|http_auth_type: str
        ..YYYYYYYYY...........|http_auth_user: str
        ..YYYYYYYYYYYYYYYYY...|http_first_req: bool
        YYYYYYYYYYYYYYYYYYYYYY|int(integer): sint
        YYYYYYYYYYYYYYYYYYYYYY|ipv4(IPv4 address): ipv4
        YYYYYYYYYYYYYYYYYYYYYY|ipv6(IPv6 address): ipv6
        YYYYYYYYYYYYYYYYYYYY.Y|last_rule_file: str
        YYYYYYYYYYYYYYYYYYYY.Y|last_rule_line: sint
        YYYYYYYYYYYYYYYYYYYYYY|meth(string): meth
        ..YYYYYYYYYYYYYYYYY...|method: meth
        YYYYYYYYYYYYYYYYYYYYYY|nbproc: sint
        YYYYYYYYYYYYYYYYYYYY.Y|nbsrv(backend): sint
        ..YYYYYYYYY...........|path: str
        ..YYYYYYYYY...........|pathq: str
        ..YYYYYYYYYYYYYYYY.Y..|payload(integer,integer): bin
        ..YYYYYYYYYYYYYYYY.Y..|payload_lv(integer,integer[,string]): bin
        YYYYYYYYYYYYYYYYYYYY.Y|prio_class: sint
        YYYYYYYYYYYYYYYYYYYY.Y|prio_offset: sint
        YYYYYYYYYYYYYYYYYYYYYY|proc: sint
        ..YYYYYYYYY...........|query: str
        YYYYYYYYYYYYYYYYYYYY.Y|queue(backend): sint
        YYYYYYYYYYYYYYYYYYYYYY|rand([integer]): sint
        ..YYYYYYYYY...........|rdp_cookie([string]): str
        ..YYYYYYYYY...........|rdp_cookie_cnt([string]): sint
        ...........YYYYYYY.Y..|rep_ssl_hello_type: sint
        ..YYYYYYYYY...........|req.body: bin
        ..YYYYYYYYY...........|req.body_len: sint
        ..YYYYYYYYY...........|req.body_param([string]): bin
        ..YYYYYYYYY...........|req.body_size: sint
        ..YYYYYYYYY...........|req.cook([string]): str
        ..YYYYYYYYY...........|req.cook_cnt([string]): sint
        ..YYYYYYYYY...........|req.cook_val([string]): sint
        ..YYYYYYYYY...........|req.fhdr([string,integer]): str
        ..YYYYYYYYY...........|req.fhdr_cnt([string]): sint
        ..YYYYYYYYY...........|req.hdr([string,integer]): str
        ..YYYYYYYYY...........|req.hdr_cnt([string]): sint
        ..YYYYYYYYY...........|req.hdr_ip([string,integer]): ipv4
        ..YYYYYYYYY...........|req.hdr_names([string]): str
        ..YYYYYYYYY...........|req.hdr_val([string,integer]): sint
        ..YYYYYYYYY...........|req.hdrs: bin
        ..YYYYYYYYY...........|req.hdrs_bin: bin
        ..YYYYYYYYY...........|req.len: sint
        ..YYYYYYYYY...........|req.payload(integer,integer): bin
        ..YYYYYYYYY...........|req.payload_lv(integer,integer[,string]): bin
        ..YYYYYYYYYYYYYYYYY...|req.proto_http: bool
        ..YYYYYYYYY...........|req.rdp_cookie([string]): str
        ..YYYYYYYYY...........|req.rdp_cookie_cnt([string]): sint
        ..YYYYYYYYY...........|req.ssl_alpn: str
        ..YYYYYYYYY...........|req.ssl_ec_ext: bool
        ..YYYYYYYYY...........|req.ssl_hello_type: sint
        ..YYYYYYYYY...........|req.ssl_sni: str
        ..YYYYYYYYY...........|req.ssl_st_ext: sint
        ..YYYYYYYYY...........|req.ssl_ver: sint
        ..YYYYYYYYY...........|req.ver: str
        ..YYYYYYYYY...........|req_len: sint
        ..YYYYYYYYYYYYYYYYY...|req_proto_http: bool
        ..YYYYYYYYY...........|req_ssl_hello_type: sint
        ..YYYYYYYYY...........|req_ssl_sni: str
        ..YYYYYYYYY...........|req_ssl_ver: sint
        ..YYYYYYYYY...........|req_ver: str
        ...........YYYYYYY.Y..|res.body: bin
        ...........YYYYYYY.Y..|res.body_len: sint
        ...........YYYYYYY.Y..|res.body_size: sint
        ..........YYYYYYYYYY..|res.cache_hit: bool
        ..........YYYYYYYYYY..|res.cache_name: str
        ...........YYYYYYYYY..|res.comp: bool
        ...........YYYYYYYYY..|res.comp_algo: str
        ...........YYYYYYY.Y..|res.cook([string]): str
        ...........YYYYYYY.Y..|res.cook_cnt([string]): sint
        ...........YYYYYYY.Y..|res.cook_val([string]): sint
        ...........YYYYYYY.Y..|res.fhdr([string,integer]): str
        ...........YYYYYYY.Y..|res.fhdr_cnt([string]): sint
        ...........YYYYYYY.Y..|res.hdr([string,integer]): str
        ...........YYYYYYY.Y..|res.hdr_cnt([string]): sint
        ...........YYYYYYY.Y..|res.hdr_ip([string,integer]): ipv4
        ...........YYYYYYY.Y..|res.hdr_names([string]): str
        ...........YYYYYYY.Y..|res.hdr_val([string,integer]): sint
        ...........YYYYYYY.Y..|res.hdrs: bin
        ...........YYYYYYY.Y..|res.hdrs_bin: bin
        ...........YYYYYYY.Y..|res.len: sint
        ...........YYYYYYY.Y..|res.payload(integer,integer): bin
        ...........YYYYYYY.Y..|res.payload_lv(integer,integer[,string]): bin
        ...........YYYYYYY.Y..|res.ssl_hello_type: sint
        ...........YYYYYYY.Y..|res.ver: str
        ...........YYYYYYY.Y..|resp_ver: str
        ...........YYYYYYY.Y..|scook([string]): str
        ...........YYYYYYY.Y..|scook_cnt([string]): sint
        ...........YYYYYYY.Y..|scook_val([string]): sint
        ...........YYYYYYY.Y..|shdr([string,integer]): str
        ...........YYYYYYY.Y..|shdr_cnt([string]): sint
        ...........YYYYYYY.Y..|shdr_ip([string,integer]): ipv4
        ...........YYYYYYY.Y..|shdr_val([string,integer]): sint
        YYYYYYYYYYYYYYYYYYY...|so_id: sint
        YYYYYYYYYYYYYYYYYYY...|so_name: str
        YYYYYYYYYYYYYYYYYYYY..|src: ipv4
        YYYYYYYYYYYYYYYYYYYY..|src_is_local: bool
        YYYYYYYYYYYYYYYYYYYY..|src_port: sint
        YYYYYYYYYYYYYYYYYYYY.Y|srv_conn(server): sint
        YYYYYYYYYYYYYYYYYYYY.Y|srv_conn_free(server): sint
        ..........YYYYYYYYYY..|srv_id: sint
        YYYYYYYYYYYYYYYYYYYY.Y|srv_is_up(server): bool
        YYYYYYYYYYYYYYYYYYYY.Y|srv_iweight(server): sint
        ..........YYYYYYYYYY..|srv_name: str
        YYYYYYYYYYYYYYYYYYYY.Y|srv_queue(server): sint
        YYYYYYYYYYYYYYYYYYYY.Y|srv_sess_rate(server): sint
        YYYYYYYYYYYYYYYYYYYY.Y|srv_uweight(server): sint
        YYYYYYYYYYYYYYYYYYYY.Y|srv_weight(server): sint
        ...........YYYYYYYYY..|status: sint
        YYYYYYYYYYYYYYYYYYYY.Y|stopping: bool
        YYYYYYYYYYYYYYYYYYYYYY|str(string): str
        YYYYYYYYYYYYYYYYYYYYYY|thread: sint
        YYYYYYYYYYYYYYYYYYYYYY|unique-id: str
        ..YYYYYYYYY...........|url: str
        ..YYYYYYYYY...........|url32: sint
        ..YYYYYYYYY...........|url32+src: bin
        ..YYYYYYYYY...........|url_ip: ipv4
        ..YYYYYYYYY...........|url_param([string,string]): str
        ..YYYYYYYYY...........|url_port: sint
        ..YYYYYYYYY...........|urlp([string,string]): str
        ..YYYYYYYYY...........|urlp_val([string,string]): sint
        YYYYYYYYYYYYYYYYYYYYYY|uuid([integer]): str
        YYYYYYYYYYYYYYYYYYYYYY|var(string[,string]): any
        YYYYYYYYYYYYYYYYYYYY.Y|wait_end: bool
        """
}
