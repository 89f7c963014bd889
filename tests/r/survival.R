# What R computes for the data sets of tests/survival; run as
#   Rscript tests/r/survival.R LIFELINES_DATASETS tests/r/survival.json
# LIFELINES_DATASETS is the folder `lifelines/datasets` of the environment.
suppressMessages({library(survival); library(maxstat); library(pROC); library(jsonlite)})
arguments <- commandArgs(trailingOnly = TRUE)
RNGversion("4.2.0")

hand <- list(
  half_then_censored = data.frame(time = 1:8, event = c(1, 1, 1, 1, 0, 0, 0, 0)),
  all_dead = data.frame(time = 1:24, event = 1),
  half_in_the_middle = data.frame(time = c(2, 3, 5, 7, 7, 9), event = c(1, 1, 1, 0, 1, 1)),
  reaches_zero = data.frame(time = c(1, 1, 2, 4, 4), event = c(1, 0, 1, 1, 1)),
  ties = data.frame(time = c(3, 3, 3, 3, 5, 5, 5, 6, 6, 8, 8, 8), event = c(1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0)),
  zero_time = data.frame(time = c(0, 0, 1, 2, 3, 4), event = c(1, 0, 1, 0, 1, 0)),
  one_patient = data.frame(time = 5, event = 1),
  no_events = data.frame(time = c(1, 2, 3), event = 0)
)
drawn <- lapply(1:6, function(seed) {
  set.seed(seed)
  n <- c(16, 24, 24, 60, 60, 142)[seed]
  time <- rexp(n, 1 / 30); censored <- runif(n, 5, 80)
  event <- as.numeric(time <= censored); time <- pmin(time, censored)
  time <- if (seed %% 2) ceiling(time) else round(time, 3)
  marker <- round(rnorm(n) - 0.4 * log(time), if (seed %% 2) 1 else 4)
  data.frame(time, event, group = sample(1:3, n, TRUE), x = rbinom(n, 1, 0.4), z = round(rnorm(n), 2),
             stratum = sample(c("a", "b", "c"), n, TRUE), marker = marker,
             positive = rbinom(n, 1, plogis(marker)))
})
names(drawn) <- paste0("drawn", seq_along(drawn))

kaplan_meier <- function(data, tau) {
  types <- c(plain = "plain", log = "log", `log-log` = "log-log", logit = "logit", arcsine = "arcsin")
  intervals <- lapply(types, function(type) {
    fit <- survfit(Surv(time, event) ~ 1, data, conf.type = type)
    q <- quantile(fit, c(0.25, 0.5, 0.75))
    list(lower = fit$lower, upper = fit$upper,
         quantile = unname(q$quantile), quantile_lower = unname(q$lower), quantile_upper = unname(q$upper))
  })
  fit <- survfit(Surv(time, event) ~ 1, data)
  mean <- survival:::survmean(fit, rmean = tau)$matrix
  reverse <- quantile(survfit(Surv(time, 1 - event) ~ 1, data, conf.type = "log-log"), 0.5)
  list(time = fit$time, at_risk = fit$n.risk, events = fit$n.event, survival = fit$surv,
       std_error = fit$surv * fit$std.err, intervals = intervals, tau = tau,
       rmst = mean[["rmean"]], rmst_se = mean[["se(rmean)"]],
       reverse = unname(unlist(reverse)))
}
tests <- function(data) {
  one <- function(fit) list(chi2 = fit$chisq, df = sum((if (is.matrix(fit$exp)) rowSums(fit$exp) else fit$exp) > 0) - 1,
                            observed = if (is.matrix(fit$obs)) rowSums(fit$obs) else fit$obs,
                            expected = if (is.matrix(fit$exp)) rowSums(fit$exp) else fit$exp)
  list(logrank = one(survdiff(Surv(time, event) ~ group, data)),
       two = one(survdiff(Surv(time, event) ~ x, data)),
       peto = one(survdiff(Surv(time, event) ~ group, data, rho = 1)),
       stratified = one(survdiff(Surv(time, event) ~ group + strata(stratum), data)))
}
cox <- function(formula, data, stratified = FALSE) {
  control <- coxph.control(eps = 1e-11, iter.max = 60)
  fit <- coxph(formula, data, control = control, x = TRUE, model = TRUE)
  robust <- coxph(formula, data, control = control, robust = TRUE)
  zph <- lapply(c(km = "km", identity = "identity", rank = "rank", log = "log"), function(transform) {
    table <- cox.zph(fit, transform = transform, terms = FALSE)$table
    list(chi2 = unname(table[, 1]), df = unname(table[, 2]), p = unname(table[, 3]))
  })
  list(covariates = names(coef(fit)), log_hr = unname(coef(fit)), se = unname(sqrt(diag(vcov(fit)))),
       robust_se = unname(sqrt(diag(vcov(robust)))), null_log_likelihood = fit$loglik[1],
       log_likelihood = fit$loglik[2], score = unname(fit$score), zph = zph)
}
curve_of <- function(marker, positive) {
  r <- roc(positive, marker, quiet = TRUE)
  best <- function(method) {
    at <- coords(r, "best", best.method = method, ret = c("threshold", "sensitivity", "specificity"), transpose = FALSE)
    list(threshold = at$threshold, sensitivity = at$sensitivity, specificity = at$specificity)
  }
  ci <- as.numeric(ci.auc(r, method = "delong"))
  list(direction = r$direction, auc = ci[2], lower = ci[1], upper = ci[3], se = sqrt(var(r, method = "delong")),
       sensitivity = sort(r$sensitivities), specificity = sort(r$specificities),
       youden = best("youden"), closest = best("closest.topleft"))
}
selected <- function(data) {
  m <- maxstat.test(Surv(time, event) ~ marker, data, smethod = "LogRank", pmethod = "none", minprop = 0.1, maxprop = 0.9)
  list(statistic = unname(m$statistic), cutoff = unname(m$estimate), cuts = m$cuts, statistics = unname(m$stats))
}

folder <- arguments[1]
rossi <- read.csv(file.path(folder, "rossi.csv"))
gbsg2 <- read.csv(file.path(folder, "gbsg2.csv"))
gbsg2$hormone <- as.numeric(gbsg2$horTh == "yes")
lung <- na.omit(read.csv(file.path(folder, "lung.csv"))[, c("time", "status", "age", "sex", "ph.ecog", "wt.loss")])
lung$event <- as.numeric(lung$status == max(lung$status))
waltons <- read.csv(file.path(folder, "waltons_dataset.csv"))

tables <- list(matrix(c(3, 5, 2, 4, 1, 8), 3), matrix(c(12, 3, 5, 9), 2), matrix(c(0, 6, 7, 4), 2),
               matrix(c(5, 0, 3, 2, 6, 1, 1, 4, 8), 3), matrix(c(20, 11, 8, 14, 9, 10, 3, 7), 4),
               matrix(c(40, 31, 18, 24, 9, 20), 2), matrix(c(1, 4, 3, 7, 2, 2, 1, 5, 3, 0, 2, 6), 3))
contingency <- lapply(tables, function(m) suppressWarnings(list(
  table = m, chi2 = chisq.test(m, correct = FALSE)$statistic[[1]], p = chisq.test(m, correct = FALSE)$p.value,
  yates = chisq.test(m, correct = TRUE)$statistic[[1]], fisher = fisher.test(m, workspace = 2e7)$p.value)))
proportions <- lapply(list(c(0, 12), c(1, 31), c(15, 24), c(23, 29), c(142, 142)), function(v) list(
  x = v[1], n = v[2], wilson = as.numeric(suppressWarnings(prop.test(v[1], v[2], correct = FALSE)$conf.int)),
  exact = as.numeric(binom.test(v[1], v[2])$conf.int)))
samples <- list(untied = list(x = c(1.1, 3.2, 4.7, 5.9, 9.3, 12.4), y = c(0.4, 2.5, 2.9, 4.1, 5.2)),
                tied = list(x = c(1, 3, 3, 4, 7, 8, 8, 9), y = c(0, 1, 2, 3, 3, 5, 8)),
                small = list(x = c(1, 2), y = c(3, 5, 8)))
ranks <- lapply(samples, function(s) {
  one <- function(...) {
    w <- suppressWarnings(wilcox.test(s$x, s$y, conf.int = TRUE, tol.root = 1e-10, ...))
    list(u = w$statistic[[1]], p = w$p.value, lower = w$conf.int[1], upper = w$conf.int[2])
  }
  list(x = s$x, y = s$y, default = one(), corrected = one(exact = FALSE), plain = one(exact = FALSE, correct = FALSE),
       kruskal = kruskal.test(list(s$x, s$y, c(2, 6, 6, 7)))$statistic[[1]])
})

out <- list(
  versions = as.list(c(R = R.version.string, sapply(c("survival", "maxstat", "pROC", "jsonlite"), function(p) as.character(packageVersion(p))))),
  hand = lapply(hand, function(d) list(data = d, kaplan_meier = kaplan_meier(d, max(d$time)))),
  drawn = lapply(drawn, function(d) list(
    data = d, kaplan_meier = kaplan_meier(d, 20), logrank = tests(d),
    cox = cox(Surv(time, event) ~ x + z, d), stratified = cox(Surv(time, event) ~ x + z + strata(stratum), d),
    roc = curve_of(d$marker, d$positive), maxstat = selected(d))),
  rossi = cox(Surv(week, arrest) ~ fin + age + race + wexp + mar + paro + prio, rossi),
  gbsg2 = cox(Surv(time, cens) ~ hormone + age + tsize + pnodes + progrec + estrec, gbsg2),
  lung = cox(Surv(time, event) ~ age + sex + ph.ecog + wt.loss, lung),
  gbsg2_rmst = list(
    no = kaplan_meier(data.frame(time = gbsg2$time, event = gbsg2$cens)[gbsg2$horTh == "no", ], 2000)[c("rmst", "rmst_se")],
    yes = kaplan_meier(data.frame(time = gbsg2$time, event = gbsg2$cens)[gbsg2$horTh == "yes", ], 2000)[c("rmst", "rmst_se")]),
  waltons = survdiff(Surv(T, E) ~ group, waltons)$chisq,
  contingency = contingency, proportions = proportions, ranks = ranks)
write_json(out, arguments[2], digits = NA, na = "null", auto_unbox = TRUE, dataframe = "columns", matrix = "rowmajor")
