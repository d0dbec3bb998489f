// Resend's errors, each with its name, status and message as the documents give them.
// Source: resend.com/docs/api-reference/errors.

export type ApiError = { statusCode: number; name: string; message: string }

const error = (statusCode: number, name: string, message: string): ApiError => ({ statusCode, name, message })

export const errors = {
  missingApiKey: error(401, 'missing_api_key', 'Missing API key in the authorization header.'),
  invalidApiKey: error(403, 'invalid_api_key', 'API key is invalid.'),
  restrictedApiKey: error(401, 'restricted_api_key', 'This API key is restricted to only send emails'),
  invalidKey: error(400, 'invalid_idempotency_key', 'The key must be between 1-256 chars.'),
  changedPayload: error(
    409,
    'invalid_idempotent_request',
    'Same idempotency key used with a different request payload.',
  ),
  stillInProgress: error(
    409,
    'concurrent_idempotent_requests',
    'Same idempotency key used while original request is still in progress.',
  ),
  notFound: error(404, 'not_found', 'The requested endpoint does not exist.'),
  emailNotFound: error(404, 'not_found', 'Email not found'),
  methodNotAllowed: error(405, 'method_not_allowed', 'Method is not allowed for the requested path.'),
  internal: error(500, 'internal_server_error', 'An unexpected error occurred.'),
  missingField: (field: string) => error(422, 'missing_required_field', `Missing \`${field}\` field.`),
  invalid: (message: string) => error(422, 'validation_error', message),
  invalidFrom: error(422, 'invalid_from_address', 'Invalid `from` field.'),
  rateLimit: (limit: number) =>
    error(429, 'rate_limit_exceeded', `Too many requests. You can only make ${limit} requests per second.`),
}
