/// All families of fetches. To add one: a line here.
enum AllFetches {
    static let all: [FetchKeyword] = [
        ConstantFetches.all, ClientFetches.all, ProxyFetches.all, VariableFetches.all, PayloadFetches.all,
        TLSHelloFetches.all, MessageFetches.all, HeaderFetches.all, CookieFetches.all, ParameterFetches.all,
        AuthenticationFetches.all,
    ].flatMap { $0 }
}
